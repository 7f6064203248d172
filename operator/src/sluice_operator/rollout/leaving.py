"""How a model stops being served: the route goes first, then its versions.

Where Git names one version at a time, one sync deletes it and applies the next, and Argo CD prunes before it applies.
So the only version serves on for a while after its deletion: another that comes by then is rolled out beside it.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from ..api.status import Phase
from . import unreadable
from .move import Move
from .plan import Plan
from .roles import Roles
from .snapshot import Snapshot, Version
from .status import build_status

LINGER = timedelta(seconds=30)


def leaves_at(stable: Version, snapshot: Snapshot, now: datetime) -> datetime | None:
    """When the model stops being served unless another version comes; None while one is to stay."""
    if not _all_are_deleted(snapshot):
        return None
    said = stable.status.next_transition_at if stable.status.phase is Phase.DELETION_WAITING else None
    return min(said or now + LINGER, now + LINGER)


def is_leaving(snapshot: Snapshot, roles: Roles, now: datetime) -> bool:
    """Whether the model is no longer to be served at all."""
    stable = roles.stable
    if stable is not None and stable.deleting and stable.delete_now:
        return True
    if unreadable.is_going(snapshot, roles.holder, now=True):
        return True
    if stable is None or not stable.proven or snapshot.route.foreign or snapshot.route.weight(stable) == 0:
        return _all_are_deleted(snapshot)
    at = leaves_at(stable, snapshot, now)
    return at is not None and now >= at


def taken_away(snapshot: Snapshot, moves: Mapping[str, Move], now: datetime) -> Plan:
    """What is to be done about a model that is no longer to be served."""
    gone = not snapshot.route.exists or snapshot.route.foreign
    return Plan(
        remove_route=not gone,
        release=(
            *(v.name for v in snapshot.versions if v.finalizer and v.deleting and gone),
            *(invalid.name for invalid in unreadable.held(snapshot) if gone),
        ),
        statuses={
            v.name: build_status(v, moves[v.name], snapshot=snapshot, table=None, now=now)
            for v in snapshot.versions
            if v.name in moves and not v.deleting
        }
        | unreadable.statuses(snapshot, now),
    )


def _all_are_deleted(snapshot: Snapshot) -> bool:
    read = all(version.deleting for version in snapshot.versions)
    return read and all(invalid.deleting for invalid in snapshot.invalid)
