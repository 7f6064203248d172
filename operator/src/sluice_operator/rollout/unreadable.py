"""ModelVersions that cannot be read, and are deleted: they go like all others, when their traffic is gone.

Nothing is known of their specs, but what was made for them is, and what their status said.
"""

from datetime import datetime

from ..api.status import ModelVersionStatus
from .plan import RouteTable
from .snapshot import Invalid, Snapshot
from .status import invalid_status
from .table import DRAIN


def statuses(snapshot: Snapshot, now: datetime) -> dict[str, ModelVersionStatus]:
    """What is said of them, by name."""
    said = {}
    for invalid in snapshot.invalid:
        status = invalid_status(invalid, now)
        if invalid.deleting:
            status = status.model_copy(update={"traffic_ended_at": _traffic_ended_at(invalid, snapshot, now)})
        said[invalid.name] = status
    return said


def released(snapshot: Snapshot, table: RouteTable | None, now: datetime) -> tuple[str, ...]:
    """Those that have had no request for long enough to go."""
    return tuple(
        invalid.name
        for invalid in held(snapshot)
        if (since := _traffic_ended_at(invalid, snapshot, now)) is not None
        and now >= since + DRAIN
        and not any(table is not None and table.weight(backend) > 0 for backend in invalid.backends)
    )


def held(snapshot: Snapshot) -> tuple[Invalid, ...]:
    """Those that would be gone already but for our finalizer."""
    return tuple(invalid for invalid in snapshot.invalid if invalid.deleting and invalid.finalizer)


def released_by(snapshot: Snapshot, now: datetime) -> tuple[datetime, ...]:
    """When those that wait for their last answers can go."""
    ended = [_traffic_ended_at(invalid, snapshot, now) for invalid in held(snapshot)]
    return tuple(at + DRAIN for at in ended if at is not None)


def is_going(snapshot: Snapshot, holder: str | None, *, now: bool) -> bool:
    """Whether what serves in stable's place was made for one that is deleted, at once or not."""
    return any(
        invalid.deleting and invalid.delete_now is now and holder in invalid.backends for invalid in snapshot.invalid
    )


def _traffic_ended_at(invalid: Invalid, snapshot: Snapshot, now: datetime) -> datetime | None:
    route = snapshot.route
    if any(route.weights.get(backend, 0) > 0 for backend in invalid.backends):
        return None
    before = invalid.status.traffic_ended_at
    if before is not None:
        return min(before, now)
    return now if route.in_force or route.foreign or not route.exists else None
