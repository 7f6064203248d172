"""Two processes never both believe that they lead: whatever is late, lost or paused, and whatever their clocks say."""

from dataclasses import dataclass, field
from itertools import count

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sluice_operator.kube.lease import DURATION, LeaseState, Record

WHICH = st.integers(0, 1)
SECONDS = st.sampled_from([0.0, 0.5, 2.0, 6.5, 9.5])


@dataclass
class Process:
    """A candidate, its clock, and the one exchange with the API server that it is waiting for."""

    identity: str
    offset: float
    rate: float
    state: LeaseState = field(init=False)
    answer: tuple[int, Record | None] | None = None
    """A read that was answered, on its way."""
    asked: tuple[float, int, Record] | None = None
    """A write that was sent: when it began, the version it replaces, and what it says."""
    accepted: tuple[float, Record] | None = None
    """A write that was accepted, its answer on its way."""

    def __post_init__(self) -> None:
        self.state = LeaseState(self.identity)

    def idle(self) -> bool:
        return self.answer is None and self.asked is None and self.accepted is None


class TwoProcesses(RuleBasedStateMachine):
    """An API server that compares and swaps, and two processes that compete through it."""

    def __init__(self) -> None:
        super().__init__()
        self.time = 0.0
        self.version = 0
        self.record: Record | None = None
        self.marks = count()
        self.late: list[tuple[int, Record]] = []
        """Writes of processes that died while they were on their way."""
        self.processes: list[Process] = []

    @initialize(
        offsets=st.tuples(st.floats(0, 1e6), st.floats(0, 1e6)),
        rates=st.sampled_from([(1.0, 1.0), (0.9, 1.1), (1.1, 0.9)]),
    )
    def start(self, offsets: tuple[float, float], rates: tuple[float, float]) -> None:
        self.processes = [Process(f"p{n}", offsets[n], rates[n]) for n in range(2)]

    def now(self, process: Process) -> float:
        return process.offset + process.rate * self.time

    @rule(which=WHICH, seconds=SECONDS)
    def a_whole_try(self, which: int, seconds: float) -> None:
        self.time += seconds
        process = self.processes[which]
        self.step(process)
        while not process.idle():
            self.step(process)

    @rule(which=WHICH, seconds=SECONDS, lost=st.booleans())
    def one_step(self, which: int, seconds: float, lost: bool) -> None:
        self.time += seconds
        self.step(self.processes[which], lost=lost)

    def step(self, process: Process, *, lost: bool = False) -> None:
        if process.answer:
            self.answer_a_read(process, lost=lost)
        elif process.asked:
            self.commit(process, lost=lost)
        elif process.accepted:
            self.answer_a_write(process)
        else:
            process.answer = (self.version, self.record)

    def answer_a_read(self, process: Process, *, lost: bool = False) -> None:
        assert process.answer is not None
        (version, record), process.answer = process.answer, None
        now = self.now(process)
        if lost:
            return
        process.state.saw(record, now=now)
        if process.state.may_take(now):
            wanted = Record(holder=process.identity, duration=DURATION, renewed=str(next(self.marks)))
            process.asked = (now, version, wanted)

    def commit(self, process: Process, *, lost: bool = False) -> None:
        assert process.asked is not None
        (began, version, wanted), process.asked = process.asked, None
        if self.swap(version, wanted) and not lost:
            process.accepted = (began, wanted)

    def answer_a_write(self, process: Process) -> None:
        assert process.accepted is not None
        (began, record), process.accepted = process.accepted, None
        process.state.renewed(record, began=began)

    @rule(which=WHICH)
    def release(self, which: int) -> None:
        process = self.processes[which]
        if process.idle() and process.state.left(self.now(process)) > 0:
            process.state.give_up()
            self.late.append((self.version, Record(holder="", duration=1, renewed=str(next(self.marks)))))

    @rule(which=WHICH)
    def die_and_start_again(self, which: int) -> None:
        dead = self.processes[which]
        if dead.asked is not None:
            self.late.append(dead.asked[1:])
        self.processes[which] = Process(f"p{which}.{next(self.marks)}", dead.offset, dead.rate)

    @precondition(lambda self: self.late)
    @rule()
    def a_late_write_reaches_the_server(self) -> None:
        self.swap(*self.late.pop(0))

    def swap(self, version: int, record: Record) -> bool:
        if version != self.version:
            return False
        self.version, self.record = self.version + 1, record
        return True

    @invariant()
    def one_leads_at_most(self) -> None:
        leaders = [p.identity for p in self.processes if p.state.left(self.now(p)) > 0]
        assert len(leaders) <= 1, f"{leaders} lead at once"


TestTwoProcesses = TwoProcesses.TestCase
TestTwoProcesses.settings = settings(max_examples=250, stateful_step_count=40, deadline=None)


def seen(record, *, at=100.0, by="me"):
    state = LeaseState(by)
    state.saw(record, now=at)
    return state


HELD = Record(holder="other", duration=10, renewed="t1")


def test_a_lease_that_is_not_there_or_was_released_may_be_taken_at_once():
    assert seen(None).may_take(100)
    assert seen(Record(holder="", duration=1, renewed="t")).may_take(100)


def test_another_s_lease_may_be_taken_only_after_it_was_seen_unchanged_for_its_whole_duration():
    state = seen(HELD)
    state.saw(HELD, now=109)

    assert not state.may_take(110)
    assert state.may_take(110.1)


def test_a_renewal_begins_the_wait_anew():
    state = seen(HELD)
    state.saw(Record(holder="other", duration=10, renewed="t2"), now=109)

    assert not state.may_take(119)
    assert state.may_take(119.1)


def test_the_duration_that_counts_is_the_holders():
    assert not seen(Record(holder="other", duration=60, renewed="t")).may_take(159)


def test_a_lease_is_believed_for_seven_seconds_from_before_the_renewal_was_sent():
    state = LeaseState("me")
    state.renewed(Record(holder="me", duration=10, renewed="t"), began=100)

    assert state.left(106.5) == 0.5
    assert state.left(107) <= 0


def test_a_lease_that_another_is_seen_to_hold_is_lost_at_once():
    state = LeaseState("me")
    state.renewed(Record(holder="me", duration=10, renewed="t"), began=100)
    state.saw(HELD, now=101)

    assert state.left(101) == 0


def test_what_was_never_held_is_not_held():
    assert LeaseState("me").left(0) == 0
