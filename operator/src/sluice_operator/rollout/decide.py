"""The decision: from what was observed about a model to how things should be.

The rules of traffic hold for every plan made here: weights sum to 100 and go only to versions that are ready, or to
stable; what was taken back never rises again; without evidence nothing rises.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from ..api.modelversion import Decision, ModelVersionStatus, Phase
from .plan import Plan, RouteTable
from .progress import Move, Situation, progress, taken_back
from .roles import Roles, assign
from .settings import merge
from .snapshot import Mark, Snapshot, Version
from .status import build_status, invalid_status

DRAIN = timedelta(seconds=60)
"""How long a version keeps its pods after its last request was sent to it."""


def decide(snapshot: Snapshot, now: datetime) -> Plan:
    """What is to be done about a model.

    Args:
        snapshot: Everything observed about the model.
        now: The time, with a time zone.
    """
    if not snapshot.versions:
        return replace(_without_versions(snapshot), statuses=_invalid(snapshot, now))
    roles = assign(snapshot)
    versions = {version.name: version for version in snapshot.versions}
    moves = _moves(snapshot, roles, now)
    if _to_be_taken_away(snapshot, roles):
        return _taken_away(snapshot, moves, now)
    table = _table(snapshot, roles, moves, now)
    resting = [v for v in snapshot.versions if _drained(v, snapshot, moves[v.name], roles.stable, now)]
    statuses = {
        name: build_status(versions[name], move, snapshot=snapshot, table=table, now=now)
        for name, move in moves.items()
    } | _invalid(snapshot, now)
    carried = [name for name, v in versions.items() if table is not None and table.weight(v.backend.name) > 0]
    return Plan(
        route=table,
        rollback=_loses_traffic(snapshot, table, roles, moves),
        run=tuple(v.name for v in (roles.stable, roles.candidate) if v is not None and not v.backend.foreign),
        stop=tuple(v.name for v in resting if _running(v) and v.backend.name not in snapshot.route.weights),
        sweep=_sweep(snapshot, table),
        guard=tuple(n for n in carried if not versions[n].finalizer and not versions[n].deleting),
        release=tuple(n for n, v in versions.items() if v.finalizer and n not in carried and _weightless(v, snapshot)),
        statuses=statuses,
        wake_at=_wake_at(snapshot, roles.stable, moves, now),
    )


def _invalid(snapshot: Snapshot, now: datetime) -> dict[str, ModelVersionStatus]:
    return {invalid.name: invalid_status(invalid, now) for invalid in snapshot.invalid}


def _running(version: Version) -> bool:
    return version.backend.exists and not version.backend.stopped and not version.backend.foreign


def _moves(snapshot: Snapshot, roles: Roles, now: datetime) -> dict[str, Move]:
    moves: dict[str, Move] = {}
    for version in snapshot.versions:
        if version.name in roles.duplicates:
            moves[version.name] = _duplicate(version, roles.duplicates[version.name], now)
    for version in roles.foreign:
        moves[version.name] = Move(phase=Phase.DEPLOYING, message=_name_taken(version))
    for version in roles.skipped:
        moves[version.name] = _skip(version, roles, now)
    for version in roles.ended:
        moves[version.name] = _ended(version, snapshot)
    for version in roles.superseded:
        moves[version.name] = Move(
            phase=Phase.SUPERSEDED,
            message="proven, and superseded by a newer version",
            promoted_at=version.status.promoted_at,
            decision=version.status.decision,
        )
    if roles.stable is not None:
        moves[roles.stable.name] = _stable_move(roles.stable, snapshot, now)
    if roles.candidate is not None:
        settings = roles.candidate.status.effective_rollout or merge(roles.candidate.spec.rollout)
        moves[roles.candidate.name] = progress(
            Situation(
                candidate=roles.candidate,
                stable=roles.stable,
                held=roles.holder is not None,
                route=snapshot.route,
                settings=settings,
                now=now,
            )
        )
    return moves


def _name_taken(version: Version) -> str:
    return f"NameTaken: an InferenceService {version.backend.name} exists that is not ours"


def _duplicate(version: Version, of: str, now: datetime) -> Move:
    decision = version.status.decision or Decision(
        action="Reject",
        reason=f"{of} is version {version.spec.version} of {version.spec.model} already",
        at=now,
    )
    return Move(phase=Phase.REJECTED, message=f"Duplicate: {decision.reason}", decision=decision)


def _skip(version: Version, roles: Roles, now: datetime) -> Move:
    by = roles.candidate or roles.stable
    reason = f"superseded by {by.name if by else 'a newer version'} before it was proven"
    decision = version.status.decision or Decision(action="Skip", reason=reason, at=now)
    return Move(phase=Phase.SKIPPED, message=f"Skipped: {decision.reason}", decision=decision)


def _ended(version: Version, snapshot: Snapshot) -> Move:
    status = version.status
    taken = status.phase in (Phase.ROLLED_BACK, Phase.ROLLING_BACK) or snapshot.route.mark(version) is not None
    if taken:
        return taken_back(version, snapshot.route)
    return Move(
        phase=status.phase or Phase.FAILED,
        message=status.message or "",
        step=status.step,
        step_started_at=status.step_started_at,
        decision=status.decision,
    )


def _stable_move(stable: Version, snapshot: Snapshot, now: datetime) -> Move:
    status = stable.status
    if status.promoted_at is None and not snapshot.route.in_force:
        return Move(phase=Phase.DEPLOYING, message="first version: waits for the Gateway to take the route")
    promoted = status.promoted_at
    decision = status.decision
    if promoted is None:
        promoted = now
        decision = Decision(action="Promote", reason="first version: ready, and the route serves it", at=now)
    waits = stable.deleting
    message = "serves until another version has taken its traffic" if waits else "serves"
    return Move(
        phase=Phase.DELETION_WAITING if waits else Phase.STABLE,
        message=_name_taken(stable) if stable.backend.foreign else message,
        promoted_at=promoted,
        decision=decision,
        step=status.step,
        step_started_at=status.step_started_at,
    )


def _to_be_taken_away(snapshot: Snapshot, roles: Roles) -> bool:
    """Whether the model is no longer to be served at all."""
    if roles.stable is not None and roles.stable.deleting and roles.stable.delete_now:
        return True
    return all(version.deleting for version in snapshot.versions) and not snapshot.invalid


def _taken_away(snapshot: Snapshot, moves: Mapping[str, Move], now: datetime) -> Plan:
    gone = not snapshot.route.exists or snapshot.route.foreign
    return Plan(
        remove_route=not gone,
        release=tuple(v.name for v in snapshot.versions if v.finalizer and v.deleting and gone),
        statuses={
            v.name: build_status(v, moves[v.name], snapshot=snapshot, table=None, now=now)
            for v in snapshot.versions
            if v.name in moves and not v.deleting
        }
        | _invalid(snapshot, now),
    )


def _without_versions(snapshot: Snapshot) -> Plan:
    """Nothing is left but what once served: it goes, unless the route still sends it requests."""
    serving = any(weight > 0 for weight in snapshot.route.weights.values())
    remove = snapshot.route.exists and not snapshot.route.foreign and not serving
    return Plan(remove_route=remove, sweep=_sweep(snapshot, None))


def _table(snapshot: Snapshot, roles: Roles, moves: Mapping[str, Move], now: datetime) -> RouteTable | None:
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
        if listed and not _drained(version, snapshot, moves[version.name], stable, now):
            weights[version.backend.name] = 0
    return RouteTable(weights=tuple(sorted(weights.items())), marks=_marks(moves))


def _marks(moves: Mapping[str, Move]) -> tuple[Mark, ...]:
    found = [move.mark for move in moves.values() if move.mark is not None]
    return tuple(sorted(found, key=lambda mark: (mark.at, mark.uid)))


def _loses_traffic(snapshot: Snapshot, table: RouteTable | None, roles: Roles, moves: Mapping[str, Move]) -> bool:
    """Whether a version that is not stable is to lose all it has."""
    if table is None:
        return False
    return any(
        snapshot.route.weight(version) > 0 and table.weight(version.backend.name) == 0
        for version in snapshot.versions
        if version is not roles.stable
    ) or any(move.mark is not None and move.mark not in snapshot.route.marks for move in moves.values())


def _weightless(version: Version, snapshot: Snapshot) -> bool:
    route = snapshot.route
    return route.weight(version) == 0 and (route.in_force or not route.exists)


def _rests_since(move: Move, stable: Version | None) -> datetime | None:
    if move.phase not in _RESTING:
        return None
    if move.phase is Phase.SUPERSEDED:
        return stable.status.promoted_at if stable is not None else None
    return move.decision.at if move.decision is not None else None


def _drained(version: Version, snapshot: Snapshot, move: Move, stable: Version | None, now: datetime) -> bool:
    """Whether a resting version has had no request for long enough to go."""
    if not _weightless(version, snapshot):
        return False
    since = _rests_since(move, stable)
    return since is not None and now >= since + DRAIN


_RESTING = frozenset({Phase.SUPERSEDED, Phase.ROLLED_BACK, Phase.FAILED, Phase.SKIPPED, Phase.REJECTED})


def _sweep(snapshot: Snapshot, table: RouteTable | None) -> tuple[str, ...]:
    route = snapshot.route
    listed = {name for name, _ in table.weights} if table is not None else set()
    return tuple(
        name
        for name in snapshot.orphans
        if name not in listed and route.weights.get(name, 0) == 0 and (route.in_force or not route.exists)
    )


def _wake_at(snapshot: Snapshot, stable: Version | None, moves: Mapping[str, Move], now: datetime) -> datetime | None:
    times = [move.next_at for move in moves.values() if move.next_at is not None]
    for version in snapshot.versions:
        since = _rests_since(moves[version.name], stable)
        if since is not None and _running(version):
            times.append(since + DRAIN)
    return min((at for at in times if at > now), default=None)
