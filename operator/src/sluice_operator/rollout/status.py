"""A version's status from what was decided about it.

Nothing in a status moves by itself: where nothing was decided and nothing was read differently, the new status equals
the old one, and is not written.
"""

from collections.abc import Sequence
from datetime import datetime

from ..api.status import UNDER_WAY, Condition, ModelVersionStatus, Phase
from .capacity import capacity
from .move import Move
from .plan import RouteTable
from .preflight import digest_served, preflight_status
from .recorded import evidence_status, gates_status
from .roles import settled
from .settings import settings_hash
from .snapshot import ENDED, Invalid, Snapshot, Version
from .table import traffic_ended_at
from .transitions import BLOCKED

_NOT_BEGUN = frozenset({Phase.QUEUED, Phase.REJECTED, Phase.SKIPPED})
_READY = frozenset({Phase.STABLE, Phase.SUPERSEDED, Phase.DELETION_WAITING})
_NEEDS_NO_PODS = frozenset({Phase.SUPERSEDED, Phase.SKIPPED})
"""Nothing is wrong with them and nothing is waited for: who waits for everything in Git must not wait for them."""
_STALLED = frozenset({Phase.ROLLED_BACK, Phase.FAILED, Phase.REJECTED})
_RECONCILING = UNDER_WAY | {Phase.QUEUED}


def build_status(
    version: Version, move: Move, *, snapshot: Snapshot, table: RouteTable | None, now: datetime
) -> ModelVersionStatus:
    """The status that says what was decided."""
    old, route, served = version.status, snapshot.route, digest_served(version)
    begun = old.effective_rollout is not None or move.phase not in _NOT_BEGUN
    settings = settled(version, snapshot).settings if begun else None
    policy = snapshot.policy.name if snapshot.policy is not None else None
    return old.model_copy(
        update={
            "observed_generation": version.generation,
            "phase": move.phase,
            "attempt": old.attempt or 1,
            "message": move.message,
            "conditions": _conditions(version, move, now),
            "url": snapshot.url if route.in_force or old.url is None else old.url,
            "digest": version.spec.source.digest or served or old.digest,
            "digest_verification": "Predictor" if served else old.digest_verification,
            "preflight": preflight_status(version, now),
            "runtime": old.runtime or version.spec.predictor.runtime or snapshot.default_runtime or None,
            "inference_service": version.backend.name,
            "effective_rollout": settings,
            "effective_rollout_hash": settings_hash(settings) if settings is not None else None,
            "policy": old.policy if old.effective_rollout is not None else policy if begun else None,
            "attempt_started_at": old.attempt_started_at or (now if begun else None),
            "promoted_at": move.promoted_at or old.promoted_at,
            "restoring": old.restoring and move.phase not in _READY,
            "capacity": capacity(version, snapshot) if begun and move.phase in _RECONCILING else None,
            "weight": route.weight(version) if route.in_force or not route.exists else old.weight,
            "desired_weight": table.weight(version.backend.name) if table is not None else 0,
            "step": move.step,
            "step_started_at": move.step_started_at,
            "weight_pending": move.weight_pending,
            "next_transition_at": move.next_at,
            "ready_by": move.ready_by,
            "pods_by": move.pods_by,
            "ready_since": (old.ready_since or now) if move.ready_by is not None and version.backend.ready else None,
            "advance_to": _advance_to(version, move),
            "paused": old.paused if move.phase in _RECONCILING else None,
            "traffic_ended_at": traffic_ended_at(version, snapshot, move, now),
            "gates": gates_status(version, move, now),
            "evidence": evidence_status(version, move),
            "decision": move.decision or old.decision,
        }
    )


def _advance_to(version: Version, move: Move) -> int | None:
    """Where a person sent the rollout, until it is there: also while its pod is away for a moment."""
    target = version.status.advance_to
    underway = move.step is not None and move.phase in _RECONCILING - ENDED
    return target if underway and target is not None and (move.step or 0) < target else None


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


def _conditions(version: Version, move: Move, now: datetime) -> list[Condition]:
    ready = move.phase in _NEEDS_NO_PODS or (move.phase in _READY and version.backend.ready)
    named = move.message.startswith(_NAMED_REASONS)
    reason = move.message.split(":", 1)[0] if named else str(move.phase)
    wanted: list[tuple[str, str]] = [("Ready", "True" if ready else "False")]
    if reason in BLOCKED or move.phase in _STALLED:
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


_NAMED_REASONS = (*BLOCKED, "Duplicate")


def _message(version: Version, move: Move, *, ready: bool) -> str:
    message = move.message
    if move.phase in (Phase.STABLE, Phase.DELETION_WAITING) and not ready and not version.backend.foreign:
        message = f"{message}, but is not ready: {version.backend.problem or 'no reason given'}"
    if version.backend.refused is not None:
        message = f"{message}; {version.backend.refused}"
    return message[:1024]
