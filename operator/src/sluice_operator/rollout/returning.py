"""How a version begins anew: by a person's act, or because the one that serves is to be deleted."""

from dataclasses import replace
from datetime import datetime

from ..api.status import Attempt, ModelVersionStatus, Phase
from .roles import Roles, assign
from .snapshot import Snapshot, Version
from .unreadable import is_going

_HISTORY = 10


def anew(status: ModelVersionStatus, now: datetime, *, restoring: bool = False) -> ModelVersionStatus:
    """The status of a version at the beginning of its next attempt.

    Args:
        status: What it is before.
        now: The time.
        restoring: Whether it was proven before and returns.
    """
    over = Attempt(
        attempt=status.attempt or 1,
        phase=status.phase or Phase.DEPLOYING,
        reason=status.decision.reason if status.decision else None,
        at=now,
    )
    return ModelVersionStatus(
        attempt=over.attempt + 1,
        conditions=status.conditions,
        weight=status.weight,
        runtime=status.runtime,
        digest=status.digest if restoring else None,  # what was proven; nobody has looked at it since
        promoted_at=status.promoted_at,
        restoring=restoring,
        acts=status.acts,
        history=[*status.history, over][-_HISTORY:],
        outbox=status.outbox,
    )


def with_fallback(snapshot: Snapshot, now: datetime) -> Snapshot:
    """Where stable is to be deleted and nobody is on the way to its place, the version proven before it returns.

    One that is to return already and has to wait does not begin anew.
    """
    roles = assign(snapshot)
    if roles.candidate is not None or not _stable_is_going(roles, snapshot):
        return snapshot
    if any(v.status.restoring for v in roles.queued):
        return snapshot
    before = [(v.status.promoted_at, v) for v in roles.superseded if _can_return(v, snapshot)]
    proven = [(at, v) for at, v in before if at is not None]
    if not proven:
        return snapshot
    latest = max(proven, key=lambda item: item[0])[1]
    returning = replace(latest, status=anew(latest.status, now, restoring=True))
    versions = tuple(returning if v is latest else v for v in snapshot.versions)
    return replace(snapshot, versions=versions)


def _stable_is_going(roles: Roles, snapshot: Snapshot) -> bool:
    """Whether what serves is to be deleted, also where its object cannot be read, and is to serve until then."""
    stable = roles.stable
    if stable is None:
        return is_going(snapshot, roles.holder, now=False)
    return stable.deleting and not stable.delete_now


def _can_return(version: Version, snapshot: Snapshot) -> bool:
    taken_back = snapshot.route.mark(version) is not None
    return not version.deleting and not version.backend.foreign and not taken_back
