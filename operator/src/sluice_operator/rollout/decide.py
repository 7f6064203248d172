"""The decision: from what was observed about a model to how things should be.

The rules of traffic hold for every plan made here: weights sum to 100 and go only to versions that are ready, or to
stable; what was taken back never rises again; without evidence nothing rises.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from ..api.status import ModelVersionStatus
from . import unreadable
from .acts import consider
from .capacity import kept_for_return, replicas
from .clock import not_later_than
from .entries import with_outboxes
from .increases import is_promotion, without_increases
from .leaving import is_leaving, taken_away
from .move import Move
from .moves import all_moves
from .plan import Plan, RouteTable
from .preflight import to_be_asked
from .returning import with_fallback
from .roles import Roles, assign
from .snapshot import ENDED, Snapshot, Version
from .status import build_status
from .table import DRAIN, drained, loses_traffic, route_table, to_be_swept

_LEFT_BEHIND = timedelta(hours=1)
"""So long a route to backends that are not there outlives the model's versions, counted from when it was made: whoever
restores a namespace may begin with its routes, and they say which version was stable."""


def decide(snapshot: Snapshot, now: datetime) -> Plan:
    """What is to be done about a model.

    Args:
        snapshot: Everything observed about the model.
        now: The time, with a time zone.
    """
    considered = consider(not_later_than(snapshot, now), now)
    plan = _decide(with_fallback(considered.snapshot, now), now)
    statuses = with_outboxes(snapshot, plan.statuses, now)
    guard = dict.fromkeys((*plan.guard, *_kept(snapshot, statuses)))
    return replace(plan, acts=considered.outcomes, statuses=statuses, guard=tuple(guard))


def _kept(snapshot: Snapshot, statuses: Mapping[str, ModelVersionStatus]) -> tuple[str, ...]:
    """Versions that must not vanish before the record, which takes nothing now, says what became of them."""
    if snapshot.recordable:
        return ()
    free = (v for v in snapshot.versions if not v.finalizer and not v.deleting and v.name in statuses)
    return tuple(v.name for v in free if any(entry.id not in v.recorded for entry in statuses[v.name].outbox))


def _decide(snapshot: Snapshot, now: datetime) -> Plan:
    roles = assign(snapshot)
    leaving = is_leaving(snapshot, roles, now)
    if not snapshot.versions and not (snapshot.invalid and leaving):
        return _without_versions(snapshot, now)
    versions = {version.name: version for version in snapshot.versions}
    moves = all_moves(snapshot, roles, now)
    if leaving:
        return taken_away(snapshot, moves, now)
    table = route_table(snapshot, roles, moves, now)
    idle = [v for v in snapshot.versions if drained(v, snapshot, moves[v.name], now)]
    statuses = {
        name: build_status(versions[name], move, snapshot=snapshot, table=table, now=now)
        for name, move in moves.items()
    } | unreadable.statuses(snapshot, now)
    carried = [name for name, v in versions.items() if table is not None and table.weight(v.backend.name) > 0]
    takes_back = loses_traffic(snapshot, table, roles, moves) and not is_promotion(snapshot, table, roles)
    return Plan(
        route=without_increases(snapshot, table, roles) if table is not None and takes_back else table,
        rollback=takes_back,
        run=_to_run(roles, moves),
        preflight=to_be_asked(snapshot, roles),
        replicas=replicas(roles, moves, statuses) or kept_for_return(roles, idle),
        stop=tuple(
            v.name for v in idle if _running(v) and not v.deleting and v.backend.name not in snapshot.route.weights
        ),
        sweep=to_be_swept(snapshot, table),
        guard=tuple(n for n in carried if not versions[n].finalizer and not versions[n].deleting),
        release=(
            *(v.name for v in idle if v.finalizer and v.name not in carried),
            *unreadable.released(snapshot, table, now),
        ),
        statuses=statuses,
        wake_at=_wake_at(snapshot, statuses, moves, table, now),
    )


def _to_run(roles: Roles, moves: Mapping[str, Move]) -> tuple[str, ...]:
    """Who is to have pods. What is taken back keeps those that it has until it has drained: it is not asked anew."""
    players = (roles.stable, roles.candidate)
    return tuple(v.name for v in players if v and not v.backend.foreign and moves[v.name].phase not in ENDED)


def _running(version: Version) -> bool:
    return version.backend.exists and not version.backend.stopped and not version.backend.foreign


def _without_versions(snapshot: Snapshot, now: datetime) -> Plan:
    """Nothing is left that can be read but what once served: it goes, unless the route still sends it requests."""
    route = snapshot.route
    served = {name for name, weight in route.weights.items() if weight > 0}
    unserved = served <= snapshot.missing and not snapshot.invalid
    left_behind = unserved and route.created_at is not None and now >= route.created_at + _LEFT_BEHIND
    remove = route.exists and not route.foreign and (not served or left_behind)
    return Plan(
        remove_route=remove,
        sweep=to_be_swept(snapshot, None),
        release=unreadable.released(snapshot, None, now),
        statuses=unreadable.statuses(snapshot, now),
        wake_at=min((at for at in unreadable.released_by(snapshot, now) if at > now), default=None),
    )


def _wake_at(
    snapshot: Snapshot,
    statuses: Mapping[str, ModelVersionStatus],
    moves: Mapping[str, Move],
    table: RouteTable | None,
    now: datetime,
) -> datetime | None:
    times = [move.next_at for move in moves.values() if move.next_at is not None]
    for version in snapshot.versions:
        since = statuses[version.name].traffic_ended_at
        if since is not None and (_running(version) or version.finalizer):
            times.append(since + DRAIN)
    times += unreadable.released_by(snapshot, now)
    times += [at.until for at in (table.addresses if table is not None else ()) if at.until is not None]
    times += [since + DRAIN for _, since in (table.draining if table is not None else ())]
    return min((at for at in times if at > now), default=None)
