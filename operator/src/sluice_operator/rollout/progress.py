"""How far the candidate comes now: ordered checks, the first that applies decides.

Taking traffic away stands first and waits for nothing. Then comes what keeps a version from having traffic, and
last what lets it have more. No check raises a weight on missing evidence.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..analysis.gates import GateResult
from ..api.base import format_duration
from ..api.modelversion import Decision, Phase, Verdict
from ..api.settings import EffectiveRollout
from .snapshot import Mark, Route, Version

SETTLE = timedelta(seconds=2)
"""How long a Gateway's proxies are given to learn of a backend; the worst of 15 measured changes took 0.15 s."""


@dataclass(frozen=True, slots=True)
class Move:
    """Where a version is and what it is to have."""

    phase: Phase
    message: str
    weight: int = 0
    listed: bool = False
    """To be in the route even at weight 0."""
    step: int | None = None
    step_started_at: datetime | None = None
    next_at: datetime | None = None
    decision: Decision | None = None
    mark: Mark | None = None
    """To be written into the route together with weight 0."""
    promoted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Situation:
    """All that decides about the candidate."""

    candidate: Version
    stable: Version | None
    held: bool
    """Whether a backend serves in stable's place."""
    route: Route
    settings: EffectiveRollout
    now: datetime

    @property
    def step(self) -> int | None:
        """The step that the candidate has come to; None before its first traffic."""
        return self.candidate.status.step

    @property
    def on_traffic(self) -> bool:
        """Whether the candidate's gates are being asked."""
        return self.candidate.status.phase in (Phase.CANARY, Phase.PROBATION)

    def weight_at(self, step: int) -> int:
        """Percent of the requests at a step; the one after the last is probation, with all of them."""
        return self.settings.steps[step].weight if step < len(self.settings.steps) else 100

    def hold_at(self, step: int) -> timedelta:
        """How long a step is held at least."""
        steps = self.settings.steps
        return steps[step].hold if step < len(steps) else self.settings.probation.duration


def progress(situation: Situation) -> Move:
    """Where the candidate is to go."""
    for check in _CHECKS:
        move = check(situation)
        if move is not None:
            return move
    raise AssertionError("the last check always applies")


def _gate_failed(s: Situation) -> Move | None:
    failed = next((gate for gate in s.candidate.gates if gate.verdict is Verdict.FAIL), None)
    if failed is None or not s.on_traffic:
        return None
    if s.stable is not None and not s.stable.backend.ready and s.candidate.backend.ready:
        return _stay(s, f"StableUnavailable: gate {failed.name} fails, but stable has no ready pod to go back to")
    return _roll_back(s, reason=f"{failed.name}: {failed.message}", gate=failed.name)


def _route_taken(s: Situation) -> Move | None:
    if not s.route.foreign:
        return None
    return Move(
        phase=Phase.DEPLOYING,
        message=f"NameTaken: an HTTPRoute {s.candidate.spec.model} exists that is not ours",
        next_at=s.candidate.status.next_transition_at,
    )


def _not_ready(s: Situation) -> Move | None:
    if s.candidate.backend.ready:
        return None
    status = s.candidate.status
    waiting = status.phase is Phase.DEPLOYING and status.step_started_at is None
    deadline = (status.next_transition_at if waiting else None) or s.now + s.settings.ready_timeout
    problem = s.candidate.backend.problem
    if s.now >= deadline:
        reason = f"not ready within {format_duration(s.settings.ready_timeout)}: {problem or 'no reason given'}"
        if s.step is not None:
            return _roll_back(s, reason=reason, gate=None)
        decision = Decision(action="Fail", reason=reason[:512], at=s.now)
        return Move(phase=Phase.FAILED, message=f"Failed: {reason}"[:1024], decision=decision)
    return Move(
        phase=Phase.DEPLOYING,
        message=f"waits to become ready: {problem or 'starting'}"[:1024],
        step=s.step,
        next_at=deadline,
    )


def _first_version(s: Situation) -> Move | None:
    if s.stable is not None or s.held:
        return None
    return Move(phase=Phase.DEPLOYING, message="first version: it gets all traffic", weight=100)


def _make_known(s: Situation) -> Move | None:
    """The route lists a backend at weight 0 before it sends requests there.

    Routes and backends reach the Gateway's proxies separately: a proxy that hears of the route first would answer 503.
    """
    if s.on_traffic:
        return None
    listed = s.candidate.backend.name in s.route.weights and s.route.in_force
    if not listed:
        return Move(
            phase=Phase.DEPLOYING, message="ready: waits for the Gateway to take the route", listed=True, step=s.step
        )
    status = s.candidate.status
    since = (status.step_started_at if status.phase is Phase.DEPLOYING else None) or s.now
    if s.now >= since + SETTLE:
        return None
    return Move(
        phase=Phase.DEPLOYING,
        message="ready: gives the Gateway time to learn of its pods",
        listed=True,
        step=s.step,
        step_started_at=since,
        next_at=since + SETTLE,
    )


def _begin_step(s: Situation) -> Move | None:
    if s.on_traffic:
        return None
    return _enter(s, s.step or 0)


def _next_step(s: Situation) -> Move | None:
    step = s.step or 0
    started = s.candidate.status.step_started_at or s.now
    if s.route.weight(s.candidate) != s.weight_at(step) or not s.route.in_force:
        return _stay(s, f"{_where(s, step)}: waits for the Gateway to take the route")
    if s.now < started + s.hold_at(step):
        return _stay(s, f"{_where(s, step)}: holds for {format_duration(s.hold_at(step))}")
    waiting = [gate for gate in s.candidate.gates if gate.verdict is not Verdict.PASS]
    if waiting or not s.candidate.gates:
        return _stay(s, f"{_where(s, step)}: {_waits_for(waiting)}")
    if step < len(s.settings.steps):
        return _enter(s, step + 1)
    reason = f"passed {len(s.settings.steps)} steps and probation"
    return Move(
        phase=Phase.STABLE,
        message="serves all requests",
        weight=100,
        step=step,
        step_started_at=started,
        promoted_at=s.now,
        decision=Decision(action="Promote", reason=reason, at=s.now),
    )


_CHECKS: tuple[Callable[[Situation], Move | None], ...] = (
    _gate_failed,
    _route_taken,
    _not_ready,
    _first_version,
    _make_known,
    _begin_step,
    _next_step,
)


def _roll_back(s: Situation, *, reason: str, gate: str | None) -> Move:
    attempt = s.candidate.status.attempt or 1
    mark = Mark(uid=s.candidate.uid, attempt=attempt, reason=reason[:400], at=s.now, gate=gate)
    return Move(
        phase=Phase.ROLLING_BACK,
        message=f"Rolled back: {reason}"[:1024],
        step=s.step,
        step_started_at=s.candidate.status.step_started_at,
        decision=Decision(action="Rollback", reason=mark.reason, gate=gate, at=s.now),
        mark=mark,
    )


def _enter(s: Situation, step: int) -> Move:
    probation = step >= len(s.settings.steps)
    return Move(
        phase=Phase.PROBATION if probation else Phase.CANARY,
        message=f"{_where(s, step)}: holds for {format_duration(s.hold_at(step))}",
        weight=s.weight_at(step),
        step=step,
        step_started_at=s.now,
        next_at=s.now + s.hold_at(step),
    )


def _stay(s: Situation, message: str) -> Move:
    step = s.step or 0
    status = s.candidate.status
    return Move(
        phase=status.phase or Phase.CANARY,
        message=message,
        weight=s.weight_at(step),
        step=step,
        step_started_at=status.step_started_at,
        next_at=status.next_transition_at,
    )


def _where(s: Situation, step: int) -> str:
    if step >= len(s.settings.steps):
        return "probation with all requests"
    return f"step {step + 1} of {len(s.settings.steps)} at {s.weight_at(step)} %"


def _waits_for(waiting: list[GateResult]) -> str:
    if not waiting:
        return "waits for the gates to answer"
    return "waits for " + ", ".join(f"gate {gate.name} ({gate.verdict})" for gate in waiting)
