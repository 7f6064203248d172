"""Single requests to the API server go wrong: refused by the dozen, or held until nobody remembers who sent them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hack.testbed.client import LEASES
from hack.testbed.controlplane import OPERATOR, ControlPlane
from hack.testbed.httpproxy import Asked, HttpProxy
from tests.integration.operator.stage import LONG, SECONDS, Stage, staged

REFUSALS = {409: {}, 410: {}, 429: {"Retry_After": "1"}, 500: {}, 503: {}}
MOST_REQUESTS_A_SECOND = 150
"""At first, of six watches and five rollouts that are refused whatever they ask; without pauses it were a thousand."""
REFUSED_TIMES = 20
REFUSED_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Proxied:
    """A stage whose operators reach the API server through a proxy that sees their requests."""

    stage: Stage
    proxy: HttpProxy


@pytest.fixture
async def proxied(control_plane: ControlPlane, tmp_path: Path) -> AsyncIterator[Proxied]:
    control_plane.kubeconfig(OPERATOR)
    async with contextlib.AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(HttpProxy(control_plane.url, control_plane.tls(OPERATOR)).serving())
        stage = await stack.enter_async_context(staged(control_plane, tmp_path, server=proxy.url))
        yield Proxied(stage, proxy)


def _not_the_lease(asked: Asked) -> bool:
    """Without its lease it would end, and be quiet."""
    return LEASES.plural not in asked.path


def _a_second(refused: list[Asked]) -> float:
    return len(refused) / (refused[-1].at - refused[0].at)


@pytest.mark.parametrize("statuses", [(409, 429, 503), pytest.param((410, 500), marks=pytest.mark.soak)])
async def test_whatever_the_api_server_refuses_with_it_is_not_stormed_and_no_rollback_is_lost(
    proxied: Proxied, statuses: tuple[int, ...]
) -> None:
    stage, proxy = proxied.stage, proxied.proxy
    models = {status: f"m{status}" for status in statuses}
    await asyncio.gather(*(stage.serves(model, "1.0.0") for model in models.values()))
    for model in models.values():
        await stage.apply(model, "1.1.0", rollout=LONG)
    for model in models.values():
        await stage.has_weight(f"{model}-1.1.0", 10)

    for status in statuses:
        proxy.refuse(status, _not_the_lease, **REFUSALS[status])
        stage.prometheus.break_version(models[status], "1.1.0")
        await proxy.has_refused(REFUSED_TIMES, seconds=REFUSED_SECONDS)
        assert _a_second(proxy.refused) <= MOST_REQUESTS_A_SECOND, status
        assert stage.observer.weight(f"{models[status]}-1.1.0") == 10
        proxy.refuse_nothing()
        await stage.reaches(f"{models[status]}-1.1.0", "RolledBack")

    await stage.serves("another", "1.0.0")
    assert "the lease is lost" not in stage.operator.log()


async def _until_it_has_ended(stage: Stage) -> None:
    async with asyncio.timeout(SECONDS):
        while "the lease is lost" not in stage.operator.log():  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.1)


async def test_a_leader_paused_past_its_lease_with_a_write_on_its_way_raises_nothing_that_was_taken_back_since(
    proxied: Proxied,
) -> None:
    stage = proxied.stage
    await stage.serves("sms", "1.0.0")
    stage.standby.start()
    await stage.standby.until_running()
    await stage.apply("sms", "1.1.0")
    await stage.has_weight("sms-1.1.0", 10)

    rise = proxied.proxy.hold(lambda asked: asked.method == "PATCH" and asked.path.endswith("/httproutes/sms"))
    await asyncio.wait_for(rise.came.wait(), SECONDS)
    stage.operator.pause()
    stage.prometheus.break_version("sms", "1.1.0")
    await stage.reaches("sms-1.1.0", "RolledBack")
    status = await rise.let_go()
    stage.operator.resume()

    assert status == 409
    await _until_it_has_ended(stage)
    assert stage.rules.weights_of("sms-1.1.0")[-1] == 0


async def test_a_leader_paused_past_its_lease_with_a_deletion_on_its_way_deletes_nothing_that_was_made_since(
    proxied: Proxied,
) -> None:
    stage = proxied.stage
    await stage.serves("sms", "1.0.0")
    stage.standby.start()
    await stage.standby.until_running()

    deletion = proxied.proxy.hold(lambda asked: asked.method == "DELETE" and asked.path.endswith("/httproutes/sms"))
    deleted = asyncio.create_task(stage.delete_model("sms"))
    await asyncio.wait_for(deletion.came.wait(), SECONDS)
    stage.operator.pause()
    await deleted
    await stage.serves("sms", "1.0.0")
    status = await deletion.let_go()
    stage.operator.resume()

    assert status == 409
    await _until_it_has_ended(stage)
    assert stage.observer.weight("sms-1.0.0") == 100
