"""A process takes, keeps, loses and gives up its lease, through every kind of failure of the API server."""

import asyncio
import copy
import logging
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from sluice_operator.kube.errors import ConflictError, NotFoundError, UnavailableError
from sluice_operator.kube.lease import Lease, LeaseLostError

pytestmark = pytest.mark.looptime


class Api:
    """An API server with one Lease. `fails` is raised instead of an answer; `hangs` keeps everybody waiting."""

    def __init__(self):
        self.live = None
        self.fails = None
        self.hangs = False
        self.commits_then_fails = False
        self.writes = 0

    async def get(self, resource, *, namespace, name):
        assert (resource.plural, namespace, name) == ("leases", "sluice-system", "sluice-operator")
        await self._arrive()
        if self.live is None:
            raise NotFoundError(404, "no")
        return copy.deepcopy(self.live)

    async def create(self, resource, *, namespace, body):
        del resource, namespace
        await self._arrive()
        if self.live is not None:
            raise ConflictError(409, "there already")
        return await self._commit(body)

    async def replace(self, resource, body):
        del resource
        await self._arrive()
        if self.live is None:
            raise NotFoundError(404, "no")
        if body["metadata"].get("resourceVersion") != self.live["metadata"]["resourceVersion"]:
            raise ConflictError(409, "changed")
        return await self._commit(body)

    async def _arrive(self):
        await asyncio.sleep(0.01)
        if self.hangs:
            await asyncio.Event().wait()
        if self.fails:
            raise self.fails

    async def _commit(self, body):
        self.writes += 1
        self.live = copy.deepcopy(body)
        self.live["metadata"]["resourceVersion"] = str(self.writes)
        if self.commits_then_fails:
            raise UnavailableError(0, "connection reset")
        return copy.deepcopy(self.live)

    @property
    def holder(self):
        return self.live["spec"]["holderIdentity"]


def lease(api, identity="a"):
    return Lease(
        gateway=api,
        namespace="sluice-system",
        name="sluice-operator",
        identity=identity,
        clock=asyncio.get_running_loop().time,
        wall=lambda: datetime(2026, 1, 1, 12, 0, 0, int(asyncio.get_running_loop().time() * 1000) % 10**6, tzinfo=UTC),
    )


@asynccontextmanager
async def keeping(held):
    """Keep a lease meanwhile; the task tells how that ended."""
    task = asyncio.create_task(held.keep())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def led(api, identity="a"):
    mine = lease(api, identity)
    await mine.acquire()
    return mine


async def test_the_first_one_takes_it_at_once(looptime):
    api = Api()
    mine = await led(api)

    assert mine.holds()
    assert looptime < 1
    assert api.live["apiVersion"] == "coordination.k8s.io/v1"
    spec = api.live["spec"]
    assert (spec["holderIdentity"], spec["leaseDurationSeconds"], spec["leaseTransitions"]) == ("a", 10, 0)
    assert len(spec["renewTime"]) == len("2026-01-01T12:00:00.000000Z"), "Go reads six digits"


async def test_it_is_renewed_every_two_seconds_by_one_write_each():
    api = Api()
    mine = await led(api)
    first = api.live["spec"]
    async with keeping(mine) as task:
        await asyncio.sleep(60)
        assert not task.done()
        assert mine.holds()
    assert 28 <= api.writes <= 31
    last = api.live["spec"]
    assert (last["acquireTime"], last["leaseTransitions"]) == (first["acquireTime"], 0)
    assert last["renewTime"] != first["renewTime"]


async def test_while_one_keeps_it_another_waits():
    api = Api()
    mine, other = await led(api), lease(api, "b")
    async with keeping(mine):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(300):
                await other.acquire()
    assert not other.holds()


async def test_after_a_kill_another_leads_within_fifteen_seconds(looptime):
    api = Api()
    await led(api)
    killed_at = float(looptime)
    other = await led(api, "b")

    assert other.holds()
    assert 10 < looptime - killed_at < 15
    assert api.live["spec"]["leaseTransitions"] == 1


async def test_after_a_release_another_leads_at_its_next_look(looptime):
    api = Api()
    mine, other = await led(api), lease(api, "b")
    waiting = asyncio.create_task(other.acquire())
    async with keeping(mine):
        await asyncio.sleep(30)
    await mine.release()
    assert not mine.holds()
    assert (api.holder, api.live["spec"]["leaseDurationSeconds"]) == ("", 1)
    released_at = float(looptime)
    await waiting

    assert looptime - released_at < 3
    assert api.holder == "b"


@pytest.mark.parametrize(
    "trouble",
    [{"fails": UnavailableError(503, "later")}, {"fails": UnavailableError(0, "refused")}, {"hangs": True}],
    ids=["503", "refused", "half-open"],
)
async def test_who_cannot_renew_for_seven_seconds_is_no_longer_leading(looptime, trouble):
    api = Api()
    mine = await led(api)
    began = float(looptime)
    vars(api).update(trouble)
    async with keeping(mine) as task:
        await asyncio.sleep(6.5)
        assert mine.holds()
        assert not task.done()
        with pytest.raises(LeaseLostError):
            await task
    assert not mine.holds()
    assert looptime - began <= 7.1


@pytest.mark.parametrize("trouble", [{"fails": UnavailableError(503, "later")}, {"hangs": True}], ids=["503", "hang"])
async def test_a_short_failure_is_outlived(trouble):
    api = Api()
    mine = await led(api)
    async with keeping(mine) as task:
        await asyncio.sleep(1)
        vars(api).update(trouble)
        await asyncio.sleep(4)
        api.fails, api.hangs = None, False
        await asyncio.sleep(30)
        assert not task.done()
        assert mine.holds()


async def test_who_was_paused_past_the_lease_learns_it_before_anything_else():
    api = Api()
    mine = await led(api)
    await asyncio.sleep(11)  # nobody renews: to the process no time has passed
    other = lease(api, "b")
    await other.acquire()

    assert not mine.holds()
    with pytest.raises(LeaseLostError):
        await mine.keep()
    assert api.holder == "b"


async def test_who_finds_another_in_its_place_has_lost():
    api = Api()
    mine = await led(api)
    api.live["spec"]["holderIdentity"] = "b"
    api.live["metadata"]["resourceVersion"] = "77"

    with pytest.raises(LeaseLostError):
        await mine.keep()
    assert api.holder == "b"


async def test_a_label_on_the_lease_is_neither_a_loss_nor_lost():
    api = Api()
    mine = await led(api)
    api.live["metadata"] |= {"labels": {"team": "ml"}, "resourceVersion": "77"}
    async with keeping(mine) as task:
        await asyncio.sleep(30)
        assert not task.done()
    assert api.live["metadata"]["labels"] == {"team": "ml"}


async def test_a_renewal_whose_answer_was_lost_is_found_out():
    api = Api()
    mine = await led(api)
    async with keeping(mine) as task:
        await asyncio.sleep(1)
        api.commits_then_fails = True
        await asyncio.sleep(3)
        api.commits_then_fails = False
        await asyncio.sleep(30)
        assert not task.done()
        assert mine.holds()


async def test_of_two_that_want_it_at_the_same_moment_one_gets_it():
    api = Api()
    candidates = [lease(api, name) for name in "abc"]
    tasks = [asyncio.create_task(candidate.acquire()) for candidate in candidates]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    await asyncio.sleep(0.1)

    assert [candidate.holds() for candidate in candidates].count(True) == 1
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_what_is_not_held_is_not_released():
    api = Api()
    await led(api)
    await lease(api, "b").release()

    assert api.holder == "a"


async def test_a_release_that_is_not_answered_is_not_waited_for(looptime, caplog):
    api = Api()
    mine = await led(api)
    api.hangs = True
    with caplog.at_level(logging.WARNING):
        await mine.release()

    assert not mine.holds()
    assert looptime < 5
    assert "not released" in caplog.text


async def test_a_release_does_not_take_it_from_another():
    api = Api()
    mine = await led(api)
    api.live["spec"]["holderIdentity"] = "b"
    api.live["metadata"]["resourceVersion"] = "77"
    await mine.release()

    assert api.holder == "b"


async def test_a_lease_somebody_made_by_hand_without_fields_is_taken():
    api = Api()
    api.live = {"metadata": {"name": "sluice-operator", "namespace": "sluice-system", "resourceVersion": "5"}}
    mine = await led(api)

    assert mine.holds()
