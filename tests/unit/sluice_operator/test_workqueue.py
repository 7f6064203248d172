"""client-go's contract: a key waits at most once, is worked on by at most one worker, and no change is ever lost."""

import asyncio
from itertools import pairwise

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sluice_operator.kube.workqueue import QueueState, Unobserved, WorkQueue

KEYS = st.sampled_from("abcd")


class Queue(RuleBasedStateMachine):
    """A queue beside the simplest account of what it owes."""

    def __init__(self) -> None:
        super().__init__()
        self.queue: QueueState[str] = QueueState(Unobserved())
        self.now = 0.0
        self.busy: set[str] = set()
        self.waiting: set[str] = set()
        self.later: dict[str, float] = {}
        self.failures: dict[str, int] = {}
        self.taken: dict[str, float] = {}

    @rule(key=KEYS, urgent=st.booleans())
    def add(self, key: str, *, urgent: bool) -> None:
        self.queue.add(key, self.now, urgent=urgent)
        self.waiting.add(key)

    @rule(key=KEYS, delay=st.sampled_from([0.0, 0.5, 1.0, 5.0]))
    def add_after(self, key: str, delay: float) -> None:
        self.queue.add_after(key, delay, self.now)
        self.later[key] = min(self.later.get(key, float("inf")), self.now + delay)

    @rule(key=KEYS)
    def add_failed(self, key: str) -> None:
        if self.failures.get(key, 0) > 10:
            return  # how long is waited at most is told below
        self.queue.add_failed(key, self.now)
        delay = 0.005 * 2.0 ** self.failures.get(key, 0)
        self.failures[key] = self.failures.get(key, 0) + 1
        self.later[key] = min(self.later.get(key, float("inf")), self.now + delay)

    @rule(key=KEYS)
    def forget(self, key: str) -> None:
        self.queue.forget(key)
        self.failures.pop(key, None)

    @rule(seconds=st.sampled_from([0.001, 0.1, 1.0, 10.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(urgent=st.booleans())
    def take(self, *, urgent: bool) -> None:
        key = self.queue.take(self.now, urgent=urgent)
        due = {late for late, at in self.later.items() if at <= self.now}
        self.waiting |= due
        for late in due:
            del self.later[late]
        if key is None:
            assert urgent or self.pressed() or self.waiting <= self.busy, "somebody waits although nobody works on it"
            return
        assert key not in self.busy, "two workers have one key"
        assert key in self.waiting, "nobody asked for this key"
        self.waiting.remove(key)
        self.busy.add(key)
        self.taken[key] = self.now

    def pressed(self) -> bool:
        """Whether anything that was taken in the last second, and so may be urgent, is being worked on."""
        return any(self.now < self.taken[key] + 1 for key in self.busy)

    @precondition(lambda self: self.busy)
    @rule(data=st.data())
    def done(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.busy)))
        self.queue.done(key, self.now)
        self.busy.remove(key)

    @invariant()
    def the_next_delay_is_known(self) -> None:
        due = self.queue.next_due()
        if self.later:
            assert due is not None
            assert due <= min(self.later.values())

    def teardown(self) -> None:
        owed = self.waiting | self.later.keys()
        for key in sorted(self.busy):
            self.queue.done(key, self.now)
        got = []
        while (key := self.queue.take(self.now + 1e9)) is not None:
            got.append(key)
            self.queue.done(key, self.now)
        assert sorted(got) == sorted(owed), "every change is looked at, once"


TestQueue = Queue.TestCase
TestQueue.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


def test_failures_wait_longer_each_time_up_to_five_minutes():
    queue: QueueState[str] = QueueState(Unobserved())
    waits = []
    now = 0.0
    for _ in range(40):
        queue.add_failed("a", now)
        due = queue.next_due()
        waits.append(due - now)
        now = due
        assert queue.take(now) == "a"
        queue.done("a", now)

    assert waits[:3] == pytest.approx([0.005, 0.01, 0.02])
    assert waits[-1] == pytest.approx(300)
    assert waits == pytest.approx(sorted(waits))


def test_what_is_urgent_is_tried_again_within_ten_seconds_however_often_it_failed():
    queue: QueueState[str] = QueueState(Unobserved())
    tried = [0.0]
    queue.add("a", 0, urgent=True)
    while tried[-1] < 1500:
        assert queue.take(tried[-1], urgent=True) == "a"
        queue.add_failed("a", tried[-1])
        queue.done("a", tried[-1])
        tried.append(queue.next_due())

    assert max(later - before for before, later in pairwise(tried)) == pytest.approx(10)


def test_what_becomes_urgent_after_many_failures_is_tried_at_once_and_then_within_ten_seconds():
    queue: QueueState[str] = QueueState(Unobserved())
    for _ in range(20):
        queue.add_failed("a", 0)
        assert queue.take(1e6) == "a"
        queue.done("a", 0)
    queue.add_failed("a", 0)
    queue.add("a", 1, urgent=True)

    assert queue.take(1, urgent=True) == "a"
    queue.add_failed("a", 1)
    queue.done("a", 1)
    assert queue.take(11, urgent=True) == "a"


def test_beside_what_is_urgent_nothing_else_is_begun_for_a_second():
    queue: QueueState[str] = QueueState(Unobserved())
    queue.add("a", 0, urgent=True)
    assert queue.take(0, urgent=True) == "a"
    queue.add("b", 0.1)
    queue.add("c", 0.2, urgent=True)

    assert queue.take(0.2) == "c"
    assert queue.take(1.1) is None
    assert queue.next_due() == pytest.approx(1.2)
    assert queue.take(1.2) == "b", "what hangs holds up nobody"


def test_when_the_last_that_is_urgent_is_done_the_others_go_on():
    queue: QueueState[str] = QueueState(Unobserved())
    queue.add("a", 0, urgent=True)
    assert queue.take(0, urgent=True) == "a"
    queue.add("b", 0)
    assert queue.take(0) is None

    queue.done("a", 0.1)
    assert queue.take(0.1) == "b"


# On the event loop


@pytest.mark.looptime
async def test_a_delayed_key_comes_when_it_is_due(looptime):
    queue: WorkQueue[str] = WorkQueue()
    queue.add_after("late", 3600)
    queue.add_after("soon", 60)

    assert await queue.take() == "soon"
    assert looptime == pytest.approx(60)
    assert await queue.take() == "late"
    assert looptime == pytest.approx(3600)


@pytest.mark.looptime
async def test_a_worker_that_waits_is_woken_by_an_earlier_key(looptime):
    queue: WorkQueue[str] = WorkQueue()
    queue.add_after("late", 3600)
    worker = asyncio.create_task(queue.take())
    await asyncio.sleep(1)
    queue.add("now")

    assert await worker == "now"
    assert looptime == pytest.approx(1)


@pytest.mark.looptime
async def test_every_key_reaches_one_of_many_workers():
    queue: WorkQueue[int] = WorkQueue()
    got: list[int] = []
    busy: set[int] = set()

    async def work() -> None:
        while True:
            key = await queue.take()
            assert key not in busy
            busy.add(key)
            await asyncio.sleep(1)
            got.append(key)
            busy.remove(key)
            queue.done(key)

    workers = [asyncio.create_task(work()) for _ in range(4)]
    for key in range(20):
        queue.add(key)
        queue.add(key)
    await asyncio.sleep(10)
    for worker in workers:
        worker.cancel()
    await asyncio.gather(*workers, return_exceptions=True)

    assert sorted(got) == list(range(20))


@pytest.mark.looptime
async def test_a_key_that_changes_while_it_is_worked_on_is_looked_at_again():
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a")
    assert await queue.take() == "a"
    queue.add("a")
    other = asyncio.create_task(queue.take())
    await asyncio.sleep(1)
    assert not other.done(), "one worker a key"

    queue.done("a")
    assert await other == "a"


@pytest.mark.looptime
async def test_a_closed_queue_gives_out_nothing_more():
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a")
    assert await queue.take() == "a"
    workers = [asyncio.create_task(queue.take()) for _ in range(3)]
    await asyncio.sleep(1)
    queue.add("b")
    queue.close()
    queue.done("a")

    assert await asyncio.gather(*workers) == [None, None, None]
    assert await queue.take() is None


# What is told of it


class Told:
    """An observer that remembers."""

    def __init__(self) -> None:
        self.said: list[tuple[str, float]] = []

    def added(self) -> None:
        self.said.append(("added", 0))

    def taken(self, waited: float) -> None:
        self.said.append(("taken", waited))

    def finished(self, worked: float) -> None:
        self.said.append(("finished", worked))

    def retried(self) -> None:
        self.said.append(("retried", 0))


def test_waits_and_work_are_told_with_their_seconds():
    told = Told()
    queue: QueueState[str] = QueueState(told)
    queue.add("a", 10)
    queue.add("a", 11)
    queue.take(13)
    assert list(queue.working(15)) == [2]
    queue.add("a", 16)
    queue.done("a", 17)
    assert list(queue.working(18)) == []
    queue.take(19)

    assert told.said == [("added", 0), ("taken", 3), ("added", 0), ("finished", 4), ("taken", 3)]


def test_a_delayed_key_waits_from_when_it_is_due():
    told = Told()
    queue: QueueState[str] = QueueState(told)
    queue.add_failed("a", 10)
    assert told.said == [("retried", 0)]
    queue.take(20)

    assert told.said[1] == ("added", 0)
    assert told.said[2][1] == pytest.approx(20 - 10.005)


def test_what_is_urgent_passes_all_that_wait_but_not_who_works_on_it():
    queue: QueueState[str] = QueueState(Unobserved())
    for key in "abc":
        queue.add(key, 0)
    queue.add("d", 0, urgent=True)
    queue.add("b", 0, urgent=True)
    assert [queue.take(0), queue.take(0)] == ["d", "b"]
    queue.add("b", 0)
    queue.add("b", 0, urgent=True)
    assert queue.take(0, urgent=True) is None, "it is still being worked on"
    queue.done("b", 0)

    assert queue.take(0) == "b"
    for key in "db":
        queue.done(key, 0)
    assert [queue.take(0), queue.take(0)] == ["a", "c"]


def test_what_is_urgent_still_is_after_a_failure_and_not_after_a_success():
    queue: QueueState[str] = QueueState(Unobserved())
    queue.add("a", 0, urgent=True)
    assert queue.take(0) == "a"
    queue.add_failed("a", 0)
    queue.done("a", 0)
    assert queue.take(1, urgent=True) == "a"
    queue.forget("a")
    queue.done("a", 1)
    queue.add("a", 1)

    assert queue.take(1, urgent=True) is None
    assert queue.take(1) == "a"


@pytest.mark.looptime
async def test_who_takes_only_what_is_urgent_is_woken_by_that_alone():
    queue: WorkQueue[str] = WorkQueue()
    worker = asyncio.create_task(queue.take(urgent=True))
    another = asyncio.create_task(queue.take(urgent=True))
    await asyncio.sleep(1)
    queue.add("a")
    await asyncio.sleep(1)
    assert not worker.done()
    queue.add("b", urgent=True)
    queue.add("a", urgent=True)

    assert {await worker, await another} == {"a", "b"}


async def test_whoever_waits_for_a_key_and_is_cancelled_as_one_comes_is_cancelled():
    queue = WorkQueue()
    queue.add_after("later", 3600)
    waiting = asyncio.create_task(queue.take())
    for _ in range(3):
        await asyncio.sleep(0)

    queue.add("now")
    waiting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await waiting
