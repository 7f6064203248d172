"""What is worth telling people about the change from one status to the next."""

from dataclasses import dataclass
from typing import Literal

from ..api.status import ModelVersionStatus, Phase, Verdict
from .snapshot import ON_TRAFFIC


@dataclass(frozen=True, slots=True)
class Transition:
    """Something that happened to a version. `reason` is part of the API: scripts filter events by it."""

    kind: Literal["Normal", "Warning"]
    reason: str
    action: str
    note: str


_TOLD: dict[Phase, tuple[Literal["Normal", "Warning"], str, str]] = {
    Phase.DEPLOYING: ("Normal", "Deploying", "Deploy"),
    Phase.PREFLIGHT: ("Normal", "PreflightStarted", "Preflight"),
    Phase.QUEUED: ("Normal", "Queued", "Wait"),
    Phase.PAUSED: ("Normal", "Paused", "Pause"),
    Phase.AWAITING_APPROVAL: ("Normal", "AwaitingApproval", "Wait"),
    Phase.CANARY: ("Normal", "StepStarted", "SetWeight"),
    Phase.PROBATION: ("Normal", "ProbationStarted", "SetWeight"),
    Phase.STABLE: ("Normal", "Promoted", "Promote"),
    Phase.SUPERSEDED: ("Normal", "Superseded", "Retire"),
    Phase.ROLLING_BACK: ("Warning", "RollbackStarted", "Rollback"),
    Phase.ROLLED_BACK: ("Warning", "RolledBack", "Rollback"),
    Phase.FAILED: ("Warning", "Failed", "Fail"),
    Phase.REJECTED: ("Warning", "Rejected", "Reject"),
    Phase.SKIPPED: ("Normal", "Skipped", "Skip"),
    Phase.DELETION_WAITING: ("Warning", "DeletionWaiting", "Wait"),
}


BLOCKED = (
    "NameTaken",
    "PolicyViolation",
    "RouteRefused",
    "HostnameTaken",
    "GatewayRefused",
    "StableUnavailable",
    "GateUnanswerable",
    "EnvironmentDegraded",
    "SampleRatioMismatch",
    "LimitCrossed",
    "NotEnoughPods",
    "LedgerUnavailable",
    "Inconclusive",
)
"""Reasons for which a version goes no further until something is put right that is not in its spec."""
REASONS = frozenset(reason for _, reason, _ in _TOLD.values()) | frozenset(BLOCKED)
"""All reasons that people are told."""


def stalled_by(status: ModelVersionStatus) -> str | None:
    """The reason for which a version is stalled; None while it is not."""
    return next((one.reason for one in status.conditions if one.type == "Stalled" and one.status == "True"), None)


def transition(old: ModelVersionStatus, new: ModelVersionStatus) -> Transition | None:
    """The event that a change of status is worth; None where nothing changed that people act on."""
    blocked = stalled_by(new)
    if blocked in BLOCKED and blocked != stalled_by(old):
        return Transition(kind="Warning", reason=blocked, action="Wait", note=new.message or "")
    if new.phase is None:
        return None
    if old.phase is new.phase and old.step == new.step:
        return _alert(old, new)
    kind, reason, action = _TOLD[new.phase]
    said = new.decision.reason if new.phase is Phase.STABLE and new.decision else new.message or ""
    return Transition(kind=kind, reason=reason, action=action, note=said)


def _alert(old: ModelVersionStatus, new: ModelVersionStatus) -> Transition | None:
    """A gate fails that takes nothing back: its limit is there to tell people."""
    before = {gate.name for gate in old.gates if gate.verdict is Verdict.FAIL}
    fails = [gate for gate in new.gates if gate.verdict is Verdict.FAIL and gate.name not in before]
    if not fails or new.phase not in ON_TRAFFIC or stalled_by(new) is not None:
        return None
    note = "; ".join(f"{gate.name}: {gate.message}" for gate in fails)
    return Transition(kind="Warning", reason="LimitCrossed", action="Alert", note=note[:1024])
