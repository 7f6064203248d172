"""The moves that a candidate can make: taken back, waiting, on a step, on to the next, promoted."""

from datetime import datetime, timedelta
from typing import Literal

from ..api.base import format_duration
from ..api.settings import Strategy
from ..api.status import Decision, Phase
from .approvals import outstanding, waits_for
from .move import Move, Situation
from .snapshot import ON_TRAFFIC, Mark

TAKEN_BACK = {"Rollback": "Rolled back", "Abort": "Aborted", "Reject": "Rejected"}
"""What people are told was done."""


def roll_back(s: Situation, *, reason: str, gate: str | None) -> Move:
    """Taken back by the operator; `gate` is the one that decided, if any did."""
    return taken_back(s, Decision(action="Rollback", reason=reason[:400], gate=gate, at=s.now))


def taken_back(s: Situation, decision: Decision) -> Move:
    """Taken back, for good in this attempt."""
    action: Literal["Rollback", "Abort", "Reject"] = "Rollback"
    if decision.action == "Abort" or decision.action == "Reject":
        action = decision.action
    mark = Mark(
        uid=s.candidate.uid,
        attempt=s.candidate.status.attempt or 1,
        reason=decision.reason[:400],
        at=decision.at,
        gate=decision.gate,
        action=action,
        by=decision.by,
        act=decision.act,
    )
    return Move(
        phase=Phase.ROLLING_BACK,
        message=f"{TAKEN_BACK[action]}: {mark.reason}"[:1024],
        step=s.step,
        step_started_at=s.candidate.status.step_started_at,
        decision=decision,
        mark=mark,
    )


def go_to(s: Situation, step: int, *, why: str | None) -> Move:
    """To a step, to probation, or, behind that, to promotion."""
    if step <= len(s.settings.steps):
        return enter(s, step)
    reason = f"passed {len(s.settings.steps)} steps and probation" if why is None else f"promoted by {why}"
    if s.settings.strategy is Strategy.REPLACE:
        reason = "ready, and the strategy is Replace"
    return Move(
        phase=Phase.STABLE,
        message="serves all requests",
        weight=100,
        step=s.step,
        step_started_at=s.candidate.status.step_started_at,
        promoted_at=_after_stable(s),
        decision=Decision(action="Promote", reason=reason, at=s.now),
    )


def _after_stable(s: Situation) -> datetime:
    """Now; or, where stable was promoted by a clock that was ahead, just after that: the later of the two is stable."""
    before = s.stable.status.promoted_at if s.stable is not None else None
    return s.now if before is None else max(s.now, before + timedelta(milliseconds=1))


def enter(s: Situation, step: int) -> Move:
    """At the beginning of a step, or of probation."""
    probation = step >= len(s.settings.steps)
    return Move(
        phase=Phase.PROBATION if probation else Phase.CANARY,
        message=f"{s.where(step)}: holds for {format_duration(s.hold_at(step))}",
        weight=s.weight_at(step),
        step=step,
        step_started_at=s.now,
        weight_pending=None if s.settings.strategy is Strategy.REPLACE else True,
        next_at=s.now + s.hold_at(step),
    )


def stay(s: Situation, message: str, *, phase: Phase | None = None, pods: int = 0) -> Move:
    """With the traffic of the present step."""
    step = s.step or 0
    begun = Phase.PROBATION if step >= len(s.settings.steps) else Phase.CANARY
    waits = [at for at in (s.held_until, s.held_too_long_from) if at > s.now]
    return Move(
        phase=phase or begun,
        message=message,
        weight=s.weight_at(step),
        step=step,
        step_started_at=s.candidate.status.step_started_at,
        weight_pending=s.candidate.status.weight_pending,
        next_at=min(waits, default=None),
        ready_by=s.ready_by,
        pods=pods,
    )


def wait(s: Situation, message: str, *, phase: Phase | None = None) -> Move:
    """Without traffic, but known to the Gateway."""
    return Move(
        phase=phase or s.before_traffic,
        message=message,
        listed=True,
        step=s.step,
        ready_by=s.ready_by,
        pods=s.pods_to_begin,
    )


def awaiting(s: Situation, step: int | None) -> Move | None:
    """Waiting for people to agree, unless they have; see `approvals.needed` for the step."""
    given = s.candidate.status.approvals
    if not outstanding(s.settings, step, given):
        return None
    more = f"waits for {waits_for(s.settings, step, given)}"
    if s.on_traffic:
        return stay(s, f"{s.where(step or 0)}: {more}", phase=Phase.AWAITING_APPROVAL)
    waits = wait(s, f"ready: {more} before its first traffic", phase=Phase.AWAITING_APPROVAL)
    return waits.but(step_started_at=s.candidate.status.step_started_at)


def not_ready(s: Situation) -> str:
    """What is said of a candidate that KServe does not call ready."""
    return f"waits to become ready: {s.candidate.backend.problem or 'starting'}"[:512]


def not_up_to(s: Situation, weight: int) -> Move | None:
    """A weight waits for the pods that can carry it, and until nothing is amiss with any."""
    pods = s.pods_for(weight)
    available = s.candidate.backend.available
    if available >= pods and s.candidate.backend.ready:
        return None
    message = not_ready(s)
    if available < pods:
        message = f"waits for {pods} pods before it gets {weight} % of the requests: {available} are available"
    by = s.candidate.status.pods_by or s.now + s.settings.ready_timeout
    move = stay(s, f"{s.where(s.step or 0)}: {message}", pods=pods)
    if not s.on_traffic:
        move = wait(s, message).but(step_started_at=s.candidate.status.step_started_at)
    if s.now >= by:
        # It goes on when they come: what keeps them away is not the version's fault.
        return move.but(message=f"NotEnoughPods: {move.message}", pods_by=by)
    return move.but(pods_by=by, next_at=min(by, move.next_at or by))


def unrecordable(s: Situation) -> Move | None:
    """Nobody gets more traffic while the record cannot say so."""
    if s.recordable:
        return None
    why = "LedgerUnavailable:"
    if s.on_traffic:
        return stay(s, f"{why} {s.where(s.step or 0)}: gets no more traffic while that cannot be recorded")
    waits = wait(s, f"{why} ready: gets no traffic while that cannot be recorded")
    return waits.but(step_started_at=s.candidate.status.step_started_at)


def tell_of_maximum(s: Situation, move: Move) -> Move:
    """Say of a candidate that it may not have as many pods as all requests take; it is let through all the same."""
    takes, most = s.candidate.status.capacity or 0, s.candidate.spec.predictor.max_replicas
    if takes <= most or move.phase not in ON_TRAFFIC:
        return move
    return move.but(message=f"{move.message}; all requests take {takes} pods, and its maxReplicas is {most}"[:1024])
