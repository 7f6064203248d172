"""Which weights wait until the record says why, and which never do.

More traffic for a version waits for the entry that says so. Stable, which has proven itself, takes back what others
lose without waiting for anything, unless it is the promotion itself that is not recorded yet.
"""

from dataclasses import replace

from .plan import RouteTable
from .roles import Roles
from .snapshot import Snapshot, Version


def must_be_recorded(snapshot: Snapshot, table: RouteTable | None) -> bool:
    """Whether a route gives a version more than it has, which the record must say first."""
    return table is not None and any(_rises(version, snapshot, table) for version in snapshot.versions)


def without_increases(snapshot: Snapshot, table: RouteTable, roles: Roles) -> RouteTable:
    """The same route but for what must be recorded first: that stays with who serves as stable, and comes later."""
    serves = roles.holder or (roles.stable.backend.name if roles.stable is not None else None)
    weights = dict(table.weights)
    for version in snapshot.versions:
        name = version.backend.name
        if serves is not None and name != serves and _rises(version, snapshot, table):
            weights[serves] = weights.get(serves, 0) + weights[name] - snapshot.route.weight(version)
            weights[name] = snapshot.route.weight(version)
    return replace(table, weights=tuple(sorted(weights.items())))


def is_promotion(snapshot: Snapshot, table: RouteTable | None, roles: Roles) -> bool:
    """Whether all that a route takes away goes to a version whose promotion is not recorded yet.

    What loses it then is nothing that must go at once: it was proven, and answers.
    """
    if table is None or roles.stable is None or not _promotion_is_unrecorded(roles.stable):
        return False
    losing = {name for name, weight in snapshot.route.weights.items() if weight > 0 and table.weight(name) == 0}
    proven = {v.backend.name for v in snapshot.versions if v.proven and v.backend.answers and not v.status.restoring}
    return set(table.marks) <= set(snapshot.route.marks) and losing <= proven


def _rises(version: Version, snapshot: Snapshot, table: RouteTable) -> bool:
    """Where there is no route nobody is answered at all: whoever was proven gets it at once."""
    if table.weight(version.backend.name) <= snapshot.route.weight(version):
        return False
    proven = version.proven and not version.status.restoring
    return not (proven and (not snapshot.route.exists or not _promotion_is_unrecorded(version)))


def _promotion_is_unrecorded(version: Version) -> bool:
    return any("promotedAt" in entry.body for entry in version.unrecorded)
