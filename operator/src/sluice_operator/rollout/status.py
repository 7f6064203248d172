"""A version's status from what was decided about it.

Nothing in a status moves by itself: where nothing was decided and nothing was read differently, the new status equals
the old one, and is not written.
"""

from collections.abc import Sequence
from datetime import datetime

from ..analysis.gates import GateResult
from ..api.modelversion import Condition, GateStatus, ModelVersionStatus, Phase
from .plan import RouteTable
from .progress import Move
from .settings import merge, settings_hash
from .snapshot import Invalid, Snapshot, Version

_READY = frozenset({Phase.STABLE, Phase.SUPERSEDED, Phase.DELETION_WAITING})
_STALLED = frozenset({Phase.ROLLED_BACK, Phase.FAILED, Phase.REJECTED})
_RECONCILING = frozenset({Phase.DEPLOYING, Phase.CANARY, Phase.PROBATION, Phase.ROLLING_BACK})


def build_status(
    version: Version, move: Move, *, snapshot: Snapshot, table: RouteTable | None, now: datetime
) -> ModelVersionStatus:
    """The status that says what was decided."""
    old = version.status
    settings = old.effective_rollout or merge(version.spec.rollout)
    route = snapshot.route
    return ModelVersionStatus(
        observed_generation=version.generation,
        phase=move.phase,
        attempt=old.attempt or 1,
        message=move.message,
        conditions=_conditions(version, move, now),
        url=snapshot.url or None,
        digest=version.spec.source.digest,
        runtime=old.runtime or version.spec.predictor.runtime or snapshot.default_runtime or None,
        inference_service=version.backend.name,
        effective_rollout=settings,
        effective_rollout_hash=settings_hash(settings),
        attempt_started_at=old.attempt_started_at or now,
        promoted_at=move.promoted_at or old.promoted_at,
        weight=route.weight(version) if route.in_force or not route.exists else old.weight,
        desired_weight=table.weight(version.backend.name) if table is not None else 0,
        step=move.step,
        step_started_at=move.step_started_at,
        next_transition_at=move.next_at,
        gates=_gates(version, move),
        decision=move.decision or old.decision,
    )


def invalid_status(invalid: Invalid, now: datetime) -> ModelVersionStatus:
    """The status of an object that cannot be read: all it said before stays, and it is stalled."""
    message = f"InvalidSpec: {invalid.problem}"[:1024]
    wanted = (("Ready", "False"), ("Stalled", "True"))
    return invalid.status.model_copy(
        update={
            "observed_generation": invalid.generation,
            "message": message,
            "conditions": _transitions(
                wanted,
                old=invalid.status.conditions,
                reason="InvalidSpec",
                message=message,
                generation=invalid.generation,
                now=now,
            ),
        }
    )


def _gates(version: Version, move: Move) -> list[GateStatus]:
    """What the gates say, written anew only when an answer or the step changed."""
    old = version.status.gates
    new = [_gate(result) for result in version.gates]
    if not new:
        return old
    same_step = version.status.step == move.step and version.status.phase is move.phase
    if same_step and [(g.name, g.verdict) for g in old] == [(g.name, g.verdict) for g in new]:
        return old
    return new


def _gate(result: GateResult) -> GateStatus:
    return GateStatus(
        name=result.name,
        verdict=result.verdict,
        value=None if result.value is None else round(result.value, 6),
        requests=result.requests,
        limit=result.limit,
        message=result.message[:512],
    )


def _conditions(version: Version, move: Move, now: datetime) -> list[Condition]:
    ready = move.phase in _READY and (move.phase is Phase.SUPERSEDED or version.backend.ready)
    named = move.message.startswith(_NAMED_REASONS)
    reason = move.message.split(":", 1)[0] if named else str(move.phase)
    wanted: list[tuple[str, str]] = [("Ready", "True" if ready else "False")]
    if reason == "NameTaken" or move.phase in _STALLED:
        wanted.append(("Stalled", "True"))
    elif move.phase in _RECONCILING:
        wanted.append(("Reconciling", "True"))
    return _transitions(
        wanted,
        old=version.status.conditions,
        reason=reason,
        message=_message(version, move, ready=ready),
        generation=version.generation,
        now=now,
    )


def _transitions(
    wanted: Sequence[tuple[str, str]],
    *,
    old: list[Condition],
    reason: str,
    message: str,
    generation: int,
    now: datetime,
) -> list[Condition]:
    """Conditions whose time of transition changes only when they do."""
    since: dict[tuple[str, str], datetime] = {
        (condition.type, condition.status): condition.last_transition_time for condition in old
    }
    return [
        Condition.model_validate(
            {
                "type": kind,
                "status": status,
                "reason": reason,
                "message": message,
                "lastTransitionTime": since.get((kind, status), now),
                "observedGeneration": generation,
            }
        )
        for kind, status in wanted
    ]


_NAMED_REASONS = ("NameTaken", "Duplicate", "StableUnavailable")


def _message(version: Version, move: Move, *, ready: bool) -> str:
    if move.phase in (Phase.STABLE, Phase.DELETION_WAITING) and not ready and not version.backend.foreign:
        return f"{move.message}, but is not ready: {version.backend.problem or 'no reason given'}"[:1024]
    return move.message
