"""Capacity before traffic: what stable ran when an attempt began is kept, and is what the candidate is measured by."""

from collections.abc import Mapping

from ..api.modelversion import ModelVersionStatus
from .move import Move, pods_for
from .roles import Roles
from .snapshot import Snapshot, Version


def capacity(version: Version, snapshot: Snapshot) -> int | None:
    """Pods that the one with most of the traffic ran when a version's attempt began; None where nobody had any."""
    if version.status.capacity is not None:
        return version.status.capacity
    others = [v for v in snapshot.versions if v is not version and snapshot.route.weight(v) > 0]
    most = max(others, key=snapshot.route.weight, default=None)
    return most.backend.available if most is not None else None


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
