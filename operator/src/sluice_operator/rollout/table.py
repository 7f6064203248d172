"""Who gets which share, and who has had his last request.

Weights sum to 100 and go only to versions that are ready, or to stable. A backend without traffic stays listed at 0
until its last requests have drained.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from ..api.settings import Strategy
from ..api.status import Phase
from .address import addresses
from .move import Move
from .plan import Preview, RouteTable
from .roles import Roles, settled
from .snapshot import Mark, Snapshot, Version

DRAIN = timedelta(seconds=60)
"""How long a version keeps its pods after its last request was sent to it."""

_MOST = 16
"""Backends that an HTTPRoute has room for."""

PREVIEW_HEADER = "x-sluice-version"
"""The header by which a client asks for a version that has no traffic yet."""

_RESTING = frozenset({Phase.SUPERSEDED, Phase.ROLLED_BACK, Phase.FAILED, Phase.SKIPPED, Phase.REJECTED})


def route_table(snapshot: Snapshot, roles: Roles, moves: Mapping[str, Move], now: datetime) -> RouteTable | None:
    """Who gets what. None while nobody can be given anything, or reached: the route stays as it is."""
    at = addresses(snapshot.address, snapshot.route.addresses, now)
    if snapshot.route.foreign or (snapshot.address_problem is not None and not at):
        return None
    stable, candidate = roles.stable, roles.candidate
    weights = _kept(snapshot, roles)
    if candidate is not None and (moves[candidate.name].weight > 0 or moves[candidate.name].listed):
        weights[candidate.backend.name] = min(moves[candidate.name].weight, 100 - sum(weights.values()))
    rest = 100 - sum(weights.values())
    serves = roles.holder or (stable.backend.name if stable is not None else None)
    if serves is not None:
        weights[serves] = rest
    elif rest:
        return None
    for version in snapshot.versions:
        listed = version.backend.name in snapshot.route.weights and version.backend.name not in weights
        if listed and not drained(version, snapshot, moves[version.name], now):
            weights[version.backend.name] = 0
    idle = {name: _idle_since(name, snapshot, now) for name in _unread(snapshot) if name not in weights}
    kept = {name: since for name, since in idle.items() if since is None or now < since + DRAIN}
    weights |= dict.fromkeys(kept, 0)
    present = {serves, candidate.backend.name if candidate is not None else None}
    for name in _too_many(weights, snapshot.route.weights, but=present):
        del weights[name]
    return RouteTable(
        weights=tuple(sorted(weights.items())),
        marks=_marks(moves),
        draining=tuple(sorted((n, since) for n, since in kept.items() if since is not None and n in weights)),
        previews=_previews(snapshot, candidate, weights),
        addresses=at,
    )


def _too_many(weights: Mapping[str, int], live: Mapping[str, int], *, but: Collection[str | None]) -> list[str]:
    """Backends at 0 that a route has no room for: those first that have had nothing before."""
    spare = [name for name, weight in weights.items() if weight == 0 and name not in but]
    return sorted(spare, key=lambda name: (live.get(name, 0), name))[: max(0, len(weights) - _MOST)]


def _unread(snapshot: Snapshot) -> set[str]:
    """Backends of the live route that were made for versions which cannot be read, or are gone."""
    made = {backend for invalid in snapshot.invalid for backend in invalid.backends}
    return (made.union(snapshot.orphans) & snapshot.route.weights.keys()) - snapshot.missing


def _idle_since(backend: str, snapshot: Snapshot, now: datetime) -> datetime | None:
    """Since when the route, as the Gateway has it, sends a backend nothing; there is no status to say so."""
    route = snapshot.route
    if route.weights[backend] > 0:
        return None
    before = route.draining.get(backend)
    return min(before, now) if before is not None else now if route.in_force else None


def _kept(snapshot: Snapshot, roles: Roles) -> dict[str, int]:
    """Weights of versions that are to go while stable, which is to take them, has nobody to answer."""
    stable = roles.stable
    if stable is None or stable.backend.answers:
        return {}
    return {
        version.backend.name: snapshot.route.weight(version)
        for version in snapshot.versions
        if version is not stable
        and version is not roles.candidate
        and version.backend.answers
        and snapshot.route.weight(version) > 0
        and not version.taken_back
        and snapshot.route.mark(version) is None
    }


def _previews(snapshot: Snapshot, candidate: Version | None, weights: Mapping[str, int]) -> tuple[Preview, ...]:
    """By which header the candidate of a BlueGreen rollout can be asked before it has any traffic."""
    if candidate is None or candidate.backend.name not in weights or not candidate.backend.ready:
        return ()
    if settled(candidate, snapshot).settings.strategy is not Strategy.BLUE_GREEN:
        return ()
    return (Preview(header=PREVIEW_HEADER, value=candidate.spec.version, backend=candidate.backend.name),)


def _marks(moves: Mapping[str, Move]) -> tuple[Mark, ...]:
    found = [move.mark for move in moves.values() if move.mark is not None]
    return tuple(sorted(found, key=lambda mark: (mark.at, mark.uid)))


def loses_traffic(snapshot: Snapshot, table: RouteTable | None, roles: Roles, moves: Mapping[str, Move]) -> bool:
    """Whether a backend that does not serve as stable is to lose all it has, to one that does."""
    if table is None:
        return False
    if any(move.mark is not None and move.mark not in snapshot.route.marks for move in moves.values()):
        return True
    live = snapshot.route.weights
    serves = roles.holder or (roles.stable.backend.name if roles.stable is not None else "")
    versions = {v.backend.name for v in snapshot.versions if v is not roles.stable}
    unread = _unread(snapshot) - {serves} if live.get(serves, 0) > 0 else set()
    return any(live.get(name, 0) > 0 and table.weight(name) == 0 for name in versions | unread)


def weightless(version: Version, snapshot: Snapshot) -> bool:
    """Whether the route, as the Gateway has it, sends a version nothing.

    Somebody else's route is not ours to wait for.
    """
    route = snapshot.route
    return route.weight(version) == 0 and (route.in_force or route.foreign or not route.exists)


def traffic_ended_at(version: Version, snapshot: Snapshot, move: Move, now: datetime) -> datetime | None:
    """Since when a version that is to rest, or to go, has had no request sent to it."""
    if not (move.phase in _RESTING or version.deleting) or move.weight > 0 or snapshot.route.weight(version) > 0:
        return None
    return version.status.traffic_ended_at or (now if weightless(version, snapshot) else None)


def drained(version: Version, snapshot: Snapshot, move: Move, now: datetime) -> bool:
    """Whether such a version has had none for long enough to go."""
    since = traffic_ended_at(version, snapshot, move, now)
    return since is not None and now >= since + DRAIN


def to_be_swept(snapshot: Snapshot, table: RouteTable | None) -> tuple[str, ...]:
    """Backends without a ModelVersion that nobody sends requests to."""
    route = snapshot.route
    listed = {name for name, _ in table.weights} if table is not None else set()
    return tuple(
        name
        for name in snapshot.orphans
        if name not in listed
        and (name not in route.weights or (table is None and route.weights[name] == 0))
        and (route.in_force or not route.exists)
    )
