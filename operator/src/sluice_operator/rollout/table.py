"""Who gets which share, and who has had his last request.

Weights sum to 100 and go only to versions that are ready, or to stable. A backend without traffic stays listed at 0
until its last requests have drained.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from ..api.modelversion import Phase
from .plan import RouteTable
from .progress import Move
from .roles import Roles
from .snapshot import Mark, Snapshot, Version

DRAIN = timedelta(seconds=60)
"""How long a version keeps its pods after its last request was sent to it."""

_RESTING = frozenset({Phase.SUPERSEDED, Phase.ROLLED_BACK, Phase.FAILED, Phase.SKIPPED, Phase.REJECTED})


def route_table(snapshot: Snapshot, roles: Roles, moves: Mapping[str, Move], now: datetime) -> RouteTable | None:
    """Who gets what. None while nobody can be given anything: the route stays as it is."""
    if snapshot.route.foreign:
        return None
    stable, candidate = roles.stable, roles.candidate
    weights: dict[str, int] = {}
    if candidate is not None and (moves[candidate.name].weight > 0 or moves[candidate.name].listed):
        weights[candidate.backend.name] = moves[candidate.name].weight
    rest = 100 - sum(weights.values())
    serves = roles.holder or (stable.backend.name if stable is not None else None)
    if serves is not None:
        weights[serves] = rest
    elif rest:
        return None
    for version in snapshot.versions:
        listed = version.backend.name in snapshot.route.weights and version.backend.name not in weights
        if listed and not drained(version, snapshot, moves[version.name], stable, now):
            weights[version.backend.name] = 0
    return RouteTable(weights=tuple(sorted(weights.items())), marks=_marks(moves))


def _marks(moves: Mapping[str, Move]) -> tuple[Mark, ...]:
    found = [move.mark for move in moves.values() if move.mark is not None]
    return tuple(sorted(found, key=lambda mark: (mark.at, mark.uid)))


def loses_traffic(snapshot: Snapshot, table: RouteTable | None, roles: Roles, moves: Mapping[str, Move]) -> bool:
    """Whether a version that is not stable is to lose all it has."""
    if table is None:
        return False
    return any(
        snapshot.route.weight(version) > 0 and table.weight(version.backend.name) == 0
        for version in snapshot.versions
        if version is not roles.stable
    ) or any(move.mark is not None and move.mark not in snapshot.route.marks for move in moves.values())


def weightless(version: Version, snapshot: Snapshot) -> bool:
    """Whether the route, as the Gateway has it, sends a version nothing."""
    route = snapshot.route
    return route.weight(version) == 0 and (route.in_force or not route.exists)


def rests_since(move: Move, stable: Version | None) -> datetime | None:
    """When a version was told to rest; None for one that is not."""
    if move.phase not in _RESTING:
        return None
    if move.phase is Phase.SUPERSEDED:
        return stable.status.promoted_at if stable is not None else None
    return move.decision.at if move.decision is not None else None


def drained(version: Version, snapshot: Snapshot, move: Move, stable: Version | None, now: datetime) -> bool:
    """Whether a resting version has had no request for long enough to go."""
    if not weightless(version, snapshot):
        return False
    since = rests_since(move, stable)
    return since is not None and now >= since + DRAIN


def to_be_swept(snapshot: Snapshot, table: RouteTable | None) -> tuple[str, ...]:
    """Backends without a ModelVersion that nobody sends requests to."""
    route = snapshot.route
    listed = {name for name, _ in table.weights} if table is not None else set()
    return tuple(
        name
        for name in snapshot.orphans
        if name not in listed and route.weights.get(name, 0) == 0 and (route.in_force or not route.exists)
    )
