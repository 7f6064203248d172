"""Workers outlive whatever happens to a model, and say what it was about."""

import asyncio
import json
import logging
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import generate_latest

from sluice_operator.controller.logs import JsonFormatter
from sluice_operator.controller.metrics import Metrics
from sluice_operator.controller.workers import Workers
from sluice_operator.kube.errors import ConflictError, InvalidError, NotLeaderError, UnavailableError
from sluice_operator.kube.pace import Pace
from sluice_operator.kube.workqueue import WorkQueue

pytestmark = pytest.mark.looptime

SMS, OTHER = ("default", "sms"), ("default", "other")


class Scene:
    """Workers on a queue, whose reconciles end as `ends` says, the last one again and again.

    An end is when to look again, an error, what is waited for, or a pair: when to look again, and an error.
    """

    def __init__(self, *ends):
        self.ends = list(ends)
        self.seen = []
        self.metrics = Metrics()
        self.queue = WorkQueue(self.metrics.queue)
        self.pace = Pace(40.0, clock=asyncio.get_running_loop().time)
        self.prepared = asyncio.Event()
        self.prepared.set()
        self.workers = Workers(queue=self.queue, reconcile=self.reconcile, pace=self.pace, metrics=self.metrics.runtime)

    async def reconcile(self, key, look_again):
        self.seen.append((key, asyncio.get_running_loop().time()))
        if key == OTHER:
            return
        end = self.ends.pop(0) if len(self.ends) > 1 else self.ends[0]
        wake_at, end = end if isinstance(end, tuple) else (end if isinstance(end, datetime) else None, end)
        look_again(wake_at)
        if isinstance(end, BaseException):
            raise end
        if callable(end):
            await end()

    async def wait_for_it(self):
        await self.prepared.wait()

    def times(self, key):
        return [at for seen, at in self.seen if seen == key]

    def count(self, series):
        lines = generate_latest(self.metrics.registry).decode().splitlines()
        (value,) = [line.rpartition(" ")[2] for line in lines if line.rpartition(" ")[0] == series]
        return float(value)

    def results(self, result):
        return self.count(f'controller_runtime_reconcile_total{{controller="modelversion",result="{result}"}}')

    @asynccontextmanager
    async def at_work(self):
        task = asyncio.create_task(self.workers.run(prepared=self.wait_for_it))
        try:
            yield task
        finally:
            self.queue.close()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_what_is_urgent_does_not_wait_until_all_else_may_be_done():
    scene = Scene(None)
    scene.prepared.clear()
    async with scene.at_work():
        scene.queue.add(SMS)
        scene.queue.add(OTHER, urgent=True)
        await asyncio.sleep(1)
        assert [key for key, _ in scene.seen] == [OTHER]
        scene.prepared.set()
        await asyncio.sleep(1)

    assert [key for key, _ in scene.seen] == [OTHER, SMS]


@pytest.mark.parametrize(
    "error",
    [ConflictError(409, "changed"), UnavailableError(503, "later"), NotLeaderError(0, "no"), KeyError("a bug")],
    ids=["conflict", "unavailable", "not-leading", "bug"],
)
async def test_a_model_that_fails_comes_again_and_the_others_go_on(error):
    scene = Scene(error, error, None)
    async with scene.at_work() as task:
        scene.queue.add(SMS)
        scene.queue.add(OTHER)
        await asyncio.sleep(1)
        assert not task.done()

    assert len(scene.times(SMS)) == 3
    assert len(scene.times(OTHER)) == 1
    assert scene.results("error") == 2
    assert scene.count('controller_runtime_reconcile_errors_total{controller="modelversion"}') == 2
    assert scene.count('workqueue_retries_total{controller="modelversion",name="modelversion"}') == 2
    assert scene.results("success") == 2


@pytest.mark.parametrize(("asked", "waited"), [(2, 2), (3600, 10)])
async def test_an_api_server_that_says_when_to_come_back_is_not_asked_before_but_not_waited_for_for_ever(asked, waited):
    scene = Scene(UnavailableError(429, "busy", retry_after=asked), None)
    async with scene.at_work():
        scene.queue.add(SMS)
        await asyncio.sleep(20)

    first, second = scene.times(SMS)
    assert second - first == pytest.approx(waited, abs=0.1)


async def test_a_model_is_looked_at_again_when_it_wants_to_be():
    scene = Scene(datetime.now(UTC) + timedelta(seconds=100), None)
    async with scene.at_work():
        scene.queue.add(SMS)
        await asyncio.sleep(200)

    first, second = scene.times(SMS)
    assert 90 < second - first < 110
    assert (scene.results("requeue_after"), scene.results("success")) == (1, 1)


REFUSED = InvalidError(403, "exceeded quota")


def failed_often(scene):
    """A model that comes again now, and after minutes if it fails once more."""
    for _ in range(20):
        scene.queue.add_failed(SMS)


@pytest.mark.parametrize("error", [REFUSED, ConflictError(409, "changed"), KeyError("a bug")])
async def test_a_model_that_failed_is_looked_at_all_the_same_when_it_wanted_to_be(error):
    scene = Scene((datetime.now(UTC) + timedelta(seconds=30), error), None)
    failed_often(scene)
    async with scene.at_work():
        await asyncio.sleep(100)

    failed, last = scene.times(SMS)
    assert 20 < last - failed < 40


async def test_a_model_that_failed_comes_again_before_it_wanted_to_be_looked_at():
    scene = Scene((datetime.now(UTC) + timedelta(hours=1), REFUSED), None)
    async with scene.at_work():
        scene.queue.add(SMS)
        await asyncio.sleep(20)

    assert len(scene.times(SMS)) == 2


async def test_a_model_that_fails_when_its_time_has_come_is_not_stormed():
    past = datetime.now(UTC) - timedelta(seconds=5)
    scene = Scene((past, REFUSED))
    failed_often(scene)
    async with scene.at_work():
        await asyncio.sleep(5.5)

    assert len(scene.times(SMS)) == 6


async def test_a_reconcile_that_hangs_is_cut_off_and_comes_again():
    scene = Scene(asyncio.Event().wait, None)
    async with scene.at_work():
        scene.queue.add(SMS)
        await asyncio.sleep(61)
        assert len(scene.times(SMS)) == 2
        assert not scene.workers.stuck()
    assert scene.results("error") == 1


async def test_a_reconcile_that_cannot_be_cut_off_is_told_as_stuck():
    over = asyncio.Event()

    async def deaf():
        while not over.is_set():
            try:
                await over.wait()
            except asyncio.CancelledError:
                continue

    scene = Scene(deaf)
    async with scene.at_work():
        scene.queue.add(SMS)
        await asyncio.sleep(179)
        assert not scene.workers.stuck()
        await asyncio.sleep(2)
        assert scene.workers.stuck()
        over.set()
        await asyncio.sleep(1)
        assert not scene.workers.stuck()


async def test_a_thousand_models_with_nothing_to_write_leave_others_their_turns():
    scene = Scene(None)
    turns = 0
    async with scene.at_work():
        for number in range(1000):
            scene.queue.add(("default", f"model-{number}"))
        while len(scene.seen) < 1000:
            await asyncio.sleep(0)
            turns += 1

    assert turns > 100


async def test_work_under_way_is_finished_when_the_queue_closes_and_no_more_is_begun():
    async def slow():
        await asyncio.sleep(10)

    scene = Scene(slow)
    async with scene.at_work() as task:
        scene.queue.add(SMS)
        await asyncio.sleep(1)
        scene.queue.close()
        scene.queue.add(OTHER)
        async with asyncio.timeout(15):
            await task
    assert scene.results("success") == 1
    assert scene.times(OTHER) == []


async def test_each_line_of_a_reconcile_says_which_model_it_was_about():
    async def says():
        logging.getLogger("sluice_operator.kube.gateway").warning("slow")

    lines = []
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter())
    handler.emit = lambda record: lines.append(json.loads(handler.format(record)))
    logging.getLogger().addHandler(handler)
    scene = Scene(says, UnavailableError(503, "later"), None)
    try:
        async with scene.at_work():
            scene.queue.add(SMS)
            await asyncio.sleep(1)
            scene.queue.add(SMS)
            await asyncio.sleep(1)
    finally:
        logging.getLogger().removeHandler(handler)

    assert [(line["message"], line["namespace"], line["model"]) for line in lines] == [
        ("slow", "default", "sms"),
        ("503 later", "default", "sms"),
    ]


async def test_what_is_urgent_does_not_wait_for_the_pace_of_writes():
    scene = Scene(None)
    for _ in range(1000):
        scene.pace.wrote()
    async with scene.at_work():
        scene.queue.add(OTHER)
        scene.queue.add(SMS, urgent=True)
        await asyncio.sleep(1)
        assert (len(scene.times(SMS)), len(scene.times(OTHER))) == (1, 0)
        await asyncio.sleep(60)
        assert len(scene.times(OTHER)) == 1
