"""How far the candidate comes now: ordered checks, the first that applies decides.

Taking traffic away stands first and waits for nothing. Then comes what keeps a version from having traffic, and
last what lets it have more. No check raises a weight on missing evidence.
"""

from collections.abc import Callable
from datetime import timedelta

from ..analysis.gates import GateResult
from ..api.base import format_duration
from ..api.modelversion import Phase, Verdict
from ..api.settings import OnNoData, Strategy
from .candidate import awaiting, enter, go_to, not_ready, not_up_to, roll_back, stay, tell_of_maximum, wait
from .move import Move, Situation
from .preflight import BEGUN, GATE, known
from .retreat import gate_failed, lost_its_pods, ordered_back, preflight_failed, route_taken, stable_gone

SETTLE = timedelta(seconds=2)
"""How long a Gateway's proxies are given to learn of a backend; the worst of 15 measured changes took 0.15 s."""


def progress(situation: Situation) -> Move:
    """Where the candidate is to go."""
    for check in _CHECKS:
        move = check(situation)
        if move is not None:
            return tell_of_maximum(situation, move)
    raise AssertionError("the last check always applies")


# What keeps it from its first traffic


def _paused_before_traffic(s: Situation) -> Move | None:
    if s.on_traffic or s.paused_by is None:
        return None
    message = f"Paused before its first traffic by {s.paused_by}"
    return Move(phase=Phase.PAUSED, message=message, step=s.step, pods=s.pods_to_begin)


def _in_preflight(s: Situation) -> Move | None:
    """Asked alone, for as long as that may take: no other deadline runs meanwhile."""
    if s.has_had_traffic or s.passed_preflight:
        return None
    result = known(s.candidate)
    return Move(phase=Phase.PREFLIGHT, message=f"{GATE}: {result.message if result else BEGUN}")


def _first_version(s: Situation) -> Move | None:
    if s.stable is not None or s.held:
        return None
    return Move(phase=s.before_traffic, message="first version: it gets all traffic", weight=100)


def _make_known(s: Situation) -> Move | None:
    """The route lists a backend at weight 0 before it sends requests there.

    Routes and backends reach the Gateway's proxies separately: a proxy that hears of the route first would answer 503.
    """
    if s.on_traffic:
        return None
    listed = s.candidate.backend.name in s.route.weights and s.route.in_force
    if not listed:
        return wait(s, "ready: waits for the Gateway to take the route")
    status = s.candidate.status
    since = (status.step_started_at if status.phase in _BEFORE_TRAFFIC else None) or s.now
    if s.now >= since + SETTLE:
        return None
    move = wait(s, "ready: gives the Gateway time to learn of its pods")
    return move.but(step_started_at=since, next_at=since + SETTLE)


_BEFORE_TRAFFIC = frozenset({Phase.DEPLOYING, Phase.PREFLIGHT, Phase.AWAITING_APPROVAL})


def _agreed_to_begin(s: Situation) -> Move | None:
    """A rollout without steps needs its approvals before the first request."""
    if s.on_traffic or s.settings.steps:
        return None
    return awaiting(s, None)


def _room_to_begin(s: Situation) -> Move | None:
    if s.on_traffic:
        return None
    step = s.step or 0
    return not_up_to(s, s.weight_at(step))


def _begin_step(s: Situation) -> Move | None:
    if s.on_traffic:
        return None
    return enter(s, s.step or 0).but(ready_by=s.ready_by)


# What lets it have more


def _weight_not_taken(s: Situation) -> Move | None:
    step = s.step or 0
    has, wanted = s.route.weight(s.candidate), s.weight_at(step)
    if has < wanted and not s.candidate.backend.ready:
        return stay(s, f"{s.where(step)}: {not_ready(s)}").but(weight=has)
    if has == wanted and s.route.in_force:
        return None
    return stay(s, f"{s.where(step)}: waits for the Gateway to take the route")


def _hold_begins(s: Situation) -> Move | None:
    """A hold is of the weight that the Gateway has: time in which it had another does not count."""
    status = s.candidate.status
    if not status.weight_pending:
        return None
    return enter(s, s.step or 0).but(weight_pending=None, ready_by=s.ready_by, phase=status.phase)


def _paused(s: Situation) -> Move | None:
    if s.paused_by is None:
        return None
    return stay(s, f"{s.where(s.step or 0)}: paused by {s.paused_by}", phase=Phase.PAUSED)


def _ordered_forward(s: Situation) -> Move | None:
    target = s.candidate.status.advance_to
    if target is None or target <= (s.step or 0):
        return None
    return not_up_to(s, s.weight_at(target)) or go_to(s, target, why="a person's act")


def _unanswerable(s: Situation) -> Move | None:
    """A gate asks for what the version does not count: people are told at once, not when the step has been held."""
    mute = next((gate for gate in s.candidate.gates if not gate.answerable), None)
    if mute is None or s.settings.strategy is Strategy.REPLACE:
        return None
    return stay(s, f"GateUnanswerable: {mute.name}: {mute.message}"[:1024])


def _holds(s: Situation) -> Move | None:
    """Replace asks neither time nor gates."""
    step = s.step or 0
    if s.settings.strategy is Strategy.REPLACE or s.now >= s.held_until:
        return None
    return stay(s, f"{s.where(step)}: holds for {format_duration(s.hold_at(step))}")


def _gates_wait(s: Situation) -> Move | None:
    waiting = [gate for gate in s.candidate.gates if gate.verdict is not Verdict.PASS]
    if s.settings.strategy is Strategy.REPLACE or (s.candidate.gates and not waiting):
        return None
    what = f"{s.where(s.step or 0)}: {_waits_for(waiting)}"
    if s.now < s.held_too_long_from:
        return stay(s, what)
    limit = f"maxHold {format_duration(s.settings.max_hold)}"
    unseen = [gate for gate in waiting if gate.verdict is Verdict.NO_DATA]
    # That Prometheus is away says nothing about the version.
    if s.settings.on_no_data is OnNoData.ROLLBACK and unseen and len(unseen) == len(waiting):
        return roll_back(s, reason=f"{unseen[0].name}: {unseen[0].message}, within {limit}", gate=unseen[0].name)
    return stay(s, f"{what}, for longer than {limit}: more requests or a person's act will end this")


def _agreed(s: Situation) -> Move | None:
    return awaiting(s, s.step)


def _next_step(s: Situation) -> Move:
    target = (s.step or 0) + 1
    return not_up_to(s, s.weight_at(target)) or go_to(s, target, why=None)


_CHECKS: tuple[Callable[[Situation], Move | None], ...] = (
    ordered_back,
    gate_failed,
    preflight_failed,
    route_taken,
    stable_gone,
    lost_its_pods,
    _paused_before_traffic,
    _in_preflight,
    _first_version,
    _make_known,
    _agreed_to_begin,
    _room_to_begin,
    _begin_step,
    _weight_not_taken,
    _hold_begins,
    _paused,
    _ordered_forward,
    _unanswerable,
    _holds,
    _gates_wait,
    _agreed,
    _next_step,
)


def _waits_for(waiting: list[GateResult]) -> str:
    if not waiting:
        return "waits for the gates to answer"
    return "waits for " + ", ".join(f"gate {gate.name} ({gate.verdict})" for gate in waiting)
