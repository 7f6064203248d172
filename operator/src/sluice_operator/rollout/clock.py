"""What persisted times mean on a clock that was set back: nothing has happened later than now.

A hold, a drain or a deadline is counted from a time that was written down. Where that lies in the future, because the
clock was wrong then or is another's now, the wait begins now: it is never cut short by that, and never lasts for as
long as the clock was wrong. When a version was promoted stays as it is: the order of promotions says who is stable.
"""

from dataclasses import replace
from datetime import datetime

from .roles import settled
from .snapshot import Snapshot, Version

_BEGAN = ("step_started_at", "traffic_ended_at", "ready_since")


def not_later_than(snapshot: Snapshot, now: datetime) -> Snapshot:
    """A snapshot in which nothing that is waited on began after `now`."""
    versions = tuple(_version(version, snapshot, now) for version in snapshot.versions)
    if all(new is old for new, old in zip(versions, snapshot.versions, strict=True)):
        return snapshot
    return replace(snapshot, versions=versions)


def _version(version: Version, snapshot: Snapshot, now: datetime) -> Version:
    status = version.status
    times = {name: getattr(status, name) for name in _BEGAN}
    changes = {name: now for name, at in times.items() if at is not None and at > now}
    deadlines = {"ready_by": status.ready_by, "pods_by": status.pods_by}
    if any(deadlines.values()):
        latest = now + settled(version, snapshot).settings.ready_timeout
        changes |= {name: latest for name, by in deadlines.items() if by is not None and by > latest}
    return replace(version, status=status.model_copy(update=changes)) if changes else version
