"""How far the candidate comes now: ordered checks, the first that applies decides.

Taking traffic away stands first and waits for nothing. Then comes what keeps a version from having traffic, and
last what lets it have more. No check raises a weight on missing evidence.
"""

from collections.abc import Callable
from datetime import timedelta

from ..api.base import format_duration
from ..api.settings import Strategy
from ..api.status import Phase
from .candidate import awaiting, enter, go_to, not_ready, not_up_to, stay, tell_of_maximum, unrecordable, wait
from .gating import environment_degraded, gates_wait, limit_pauses, not_comparable, too_few_requests, unanswerable
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
    if not s.recordable:
        message = "LedgerUnavailable: first version: gets no traffic while that cannot be recorded"
        return Move(phase=s.before_traffic, message=message)
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
    return unrecordable(s) or enter(s, s.step or 0).but(ready_by=s.ready_by)


# What lets it have more


def _weight_not_taken(s: Situation) -> Move | None:
    step = s.step or 0
    has, wanted = s.route.weight(s.candidate), s.weight_at(step)
    if has < wanted and not s.candidate.backend.ready:
        return stay(s, f"{s.where(step)}: {not_ready(s)}").but(weight=has)
    if has < wanted and not s.recordable:
        return stay(s, f"LedgerUnavailable: {s.where(step)}: gets no more traffic while that cannot be recorded")
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
    return not_up_to(s, s.weight_at(target)) or unrecordable(s) or go_to(s, target, why="a person's act")


def _holds(s: Situation) -> Move | None:
    """Replace asks neither time nor gates."""
    step = s.step or 0
    if s.settings.strategy is Strategy.REPLACE or s.now >= s.held_until:
        return None
    return stay(s, f"{s.where(step)}: holds for {format_duration(s.hold_at(step))}")


def _agreed(s: Situation) -> Move | None:
    return awaiting(s, s.step)


def _next_step(s: Situation) -> Move:
    target = (s.step or 0) + 1
    return not_up_to(s, s.weight_at(target)) or unrecordable(s) or go_to(s, target, why=None)


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
    unanswerable,
    environment_degraded,
    not_comparable,
    limit_pauses,
    _holds,
    gates_wait,
    too_few_requests,
    _agreed,
    _next_step,
)
