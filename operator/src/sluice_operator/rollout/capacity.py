"""Capacity before traffic: what stable is to run is kept for a rollout, and is what the candidate is measured by.

The most that was seen in an attempt counts. A stable that was down or short when it began is measured by what it was
asked for, and one that its autoscaler lets grow is not given back to with fewer pods than it needs.
"""

from collections.abc import Collection, Mapping

from ..api.status import ModelVersionStatus, Phase
from .move import Move, pods_for
from .roles import Roles
from .snapshot import Snapshot, Version


def capacity(version: Version, snapshot: Snapshot) -> int | None:
    """Pods that all traffic needs, as far as was seen in a version's attempt; None where nobody else has had any.

    It is the one with most of the traffic who is measured, by the pods it has or by those it is to have.
    """
    before, live = version.status.capacity, snapshot.route.weights
    seen = {v.backend.name: _pods(v) for v in snapshot.versions if v is not version} | dict(snapshot.pods)
    most = max((name for name in seen if live.get(name, 0) > 0), key=live.__getitem__, default=None)
    return before if most is None else max(before or 0, seen[most])


def _pods(version: Version) -> int:
    """A pod more than it may have is one that is being replaced."""
    return min(max(version.backend.available, version.backend.desired), version.spec.predictor.max_replicas)


def replicas(roles: Roles, moves: Mapping[str, Move], statuses: Mapping[str, ModelVersionStatus]) -> dict[str, int]:
    """Pods that stable and the candidate have at least while a rollout runs, by name.

    Stable keeps what it ran although it is asked less: a rollback must not wait for it to grow again.
    """
    candidate, stable = roles.candidate, roles.stable
    if candidate is None:
        return {}
    measured = statuses[candidate.name].capacity
    if not measured:
        return {}
    move = moves[candidate.name]
    wanted = {candidate.name: max(pods_for(move.weight, measured=measured, version=candidate), move.pods)}
    if stable is not None:
        wanted[stable.name] = pods_for(100, measured=measured, version=stable)
    predictors = {version.name: version.spec.predictor for version in (candidate, stable) if version is not None}
    return {name: pods for name, pods in wanted.items() if pods > predictors[name].min_replicas}


def kept_for_return(roles: Roles, drained: Collection[Version]) -> dict[str, int]:
    """Pods that stable keeps after a rollback, by name: its autoscaler has not seen yet what has come back to it."""
    stable, taken_back = roles.stable, (Phase.ROLLING_BACK, Phase.ROLLED_BACK)
    if stable is None or all(v.status.phase not in taken_back or v in drained for v in roles.ended):
        return {}
    pods = min(stable.backend.desired, stable.spec.predictor.max_replicas)
    return {stable.name: pods} if pods > stable.spec.predictor.min_replicas else {}
