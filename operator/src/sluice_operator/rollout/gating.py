"""What keeps a candidate that has traffic from having more: its gates, and that too little was seen.

No check here raises a weight. One that has nothing to say lets the next one speak.
"""

from ..analysis.gates import GateResult
from ..analysis.verdicts import ENVIRONMENT_DEGRADED, SAMPLE_RATIO_MISMATCH
from ..api.base import format_duration
from ..api.settings import OnInconclusive, OnNoData, Strategy
from ..api.status import Verdict
from .asking import asked, holds, pauses
from .candidate import roll_back, stay
from .move import Move, Situation


def unanswerable(s: Situation) -> Move | None:
    """A gate asks for what the version does not count: people are told at once, not when the step has been held."""
    mute = next((gate for gate in s.candidate.gates if not gate.answerable), None)
    if mute is None or s.settings.strategy is Strategy.REPLACE:
        return None
    return stay(s, f"GateUnanswerable: {mute.name}: {mute.message}"[:1024])


def environment_degraded(s: Situation) -> Move | None:
    """Stable fails as well: it is not the candidate that is broken, and it gets no further while that lasts."""
    gate = next((gate for gate in s.candidate.gates if gate.frozen), None)
    if gate is None:
        return None
    return stay(s, f"{ENVIRONMENT_DEGRADED}: gate {gate.name}: stable crosses its limit as well")


def not_comparable(s: Situation) -> Move | None:
    """Something else than the route decides who is asked: limits alone take it back now, and people let it go on."""
    gate = next((gate for gate in s.candidate.gates if gate.invalid is not None), None)
    if gate is None:
        return None
    return stay(s, f"{SAMPLE_RATIO_MISMATCH}: {gate.invalid} in this attempt; a person's act will end this")


def limit_pauses(s: Situation) -> Move | None:
    """A limit is crossed that takes nothing back."""
    gate = next((gate for gate in s.candidate.gates if pauses(gate)), None)
    if gate is None or s.settings.strategy is Strategy.REPLACE:
        return None
    return stay(s, f"LimitCrossed: gate {gate.name}: it gets no more traffic while its limit is crossed")


def gates_wait(s: Situation) -> Move | None:
    """Not all gates let it go on, or none has answered. Replace asks none."""
    waiting = [gate for gate in s.candidate.gates if holds(gate)]
    passed = not waiting and (s.candidate.gates or not asked(s.settings, s.step))
    if s.settings.strategy is Strategy.REPLACE or passed:
        return None
    what = f"{s.where(s.step or 0)}: {_waits_for(waiting)}"
    if s.now < s.held_too_long_from:
        return stay(s, what)
    if waiting and all(gate.undecided for gate in waiting):
        return _inconclusive(s, waiting)
    # That Prometheus is away says nothing about the version.
    too_little = waiting and all(gate.verdict is Verdict.NO_DATA for gate in waiting)
    if s.settings.on_no_data is OnNoData.ROLLBACK and too_little:
        unseen = next(gate for gate in waiting if not gate.undecided)
        return roll_back(s, reason=f"{unseen.name}: {unseen.message}, within {_max_hold(s)}", gate=unseen.name)
    return _for_too_long(s, what)


def _inconclusive(s: Situation, waiting: list[GateResult]) -> Move | None:
    """Enough was seen, for as long as was allowed, and nobody can tell."""
    gate = waiting[0]
    if s.settings.on_inconclusive is OnInconclusive.PROMOTE:
        return None
    if s.settings.on_inconclusive is OnInconclusive.ROLLBACK:
        reason = f"{gate.name}: {gate.message}, after {_max_hold(s)}"
        return roll_back(s, reason=reason, gate=gate.name)
    return _for_too_long(s, f"Inconclusive: {s.where(s.step or 0)}: {_waits_for(waiting)}")


def too_few_requests(s: Situation) -> Move | None:
    """Probation may ask for requests as well as for time."""
    wanted, answered = s.settings.probation.min_requests, s.candidate.requests
    in_probation = (s.step or 0) >= len(s.settings.steps)
    if not in_probation or s.settings.strategy is Strategy.REPLACE or (answered or 0) >= wanted:
        return None
    what = f"{s.where(s.step or 0)}: waits until it has answered {wanted:,} requests"
    if s.now < s.held_too_long_from:
        return stay(s, what)
    if s.settings.on_no_data is OnNoData.ROLLBACK and answered is not None:
        few = f"{answered:,} of {wanted:,} requests in probation, within {_max_hold(s)}"
        return roll_back(s, reason=few, gate=None)
    return _for_too_long(s, what)


def _for_too_long(s: Situation, what: str) -> Move:
    return stay(s, f"{what}, for longer than {_max_hold(s)}: more requests or a person's act will end this")


def _max_hold(s: Situation) -> str:
    return f"maxHold {format_duration(s.settings.max_hold)}"


def _waits_for(waiting: list[GateResult]) -> str:
    if not waiting:
        return "waits for the gates to answer"
    return "waits for " + ", ".join(
        f"gate {gate.name} ({'cannot tell yet' if gate.undecided else gate.verdict})" for gate in waiting
    )
