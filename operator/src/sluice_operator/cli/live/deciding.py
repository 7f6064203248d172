"""A person's act: made as an object that is bound to what the person saw, then followed until its outcome is said.

Nothing is decided here. Admission checks who acts, and the operator whether the act still fits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...api import action
from ...api.action import Action, Outcome
from ...api.base import API_VERSION
from ...kube.resource import Object
from ..cluster import MODEL_VERSIONS, ROLLOUT_ACTIONS, Cluster
from ..errors import ClusterError, TimeoutEndedError
from .people import Person, who_am_i
from .versions import Version, read

BOUND = frozenset({Action.APPROVE, Action.ADVANCE, Action.PROMOTE, Action.RETRY})
"""Acts that let a version have more traffic: they hold for the step and the settings that the person saw."""


@dataclass(frozen=True, slots=True)
class Made:
    """An act that the API server took."""

    name: str
    uid: str
    by: str


@dataclass(frozen=True, slots=True)
class Said:
    """What came of an act."""

    outcome: str
    message: str


def make(cluster: Cluster, version: Version, *, what: Action, reason: str) -> Made:
    """Make the act.

    Raises:
        ClusterError: the API server, or its admission, refuses.
    """
    person = who_am_i(cluster)
    body = {
        "apiVersion": API_VERSION,
        "kind": action.KIND,
        "metadata": {"generateName": f"{what.lower()}-", "namespace": version.namespace},
        "spec": _spec(version, what=what, reason=reason, person=person),
    }
    made = cluster.create(ROLLOUT_ACTIONS, body, namespace=version.namespace)
    return Made(made["metadata"]["name"], made["metadata"]["uid"], person.name)


def outcome(cluster: Cluster, made: Made, *, namespace: str, seconds: float) -> Said:
    """What came of an act, waited for.

    Raises:
        TimeoutEndedError: nothing did.
        ClusterError: the user may not see it.
    """
    only = {"fieldSelector": f"metadata.name={made.name}"}
    try:
        for found in cluster.follow(ROLLOUT_ACTIONS, namespace=namespace, query=only, seconds=seconds):
            said = _said(found.get((namespace, made.name)))
            if said is not None:
                return said
    except ClusterError as error:
        told = f"rolloutaction {made.name} is made, but what comes of it is not for you to see: {error}"
        raise ClusterError(told, status=error.status) from error
    raise TimeoutEndedError(
        f"nothing came of rolloutaction {made.name} within {seconds:g} s: `kubectl sluice check` says whether the "
        "operator runs; after ten minutes the act has no effect any more, unless it takes traffic away"
    )


def message_of(cluster: Cluster, version: Version) -> str:
    """What is said of a version now; empty where that cannot be read."""
    try:
        return read(cluster.get(MODEL_VERSIONS, version.name, namespace=version.namespace)).status.message or ""
    except ClusterError:
        return ""


def _spec(version: Version, *, what: Action, reason: str, person: Person) -> dict[str, Any]:
    status = version.status
    seen: dict[str, Any] = {"attempt": status.attempt or 1}
    if what in BOUND:
        seen |= {"step": status.step, "policyHash": status.effective_rollout_hash}
    groups = _groups(version, person) if what is Action.APPROVE else ()
    return {
        "modelVersion": version.name,
        "uid": version.uid,
        "action": what,
        "reason": reason,
        "requestedBy": person.name,
        **{field: value for field, value in seen.items() if value is not None},
        **({"groups": list(groups)} if groups else {}),
    }


def _groups(version: Version, person: Person) -> Sequence[str]:
    """The groups by which the person's word counts: those that are asked for and that he is in."""
    from ...rollout.approvals import needed

    settings, step = version.status.effective_rollout, version.status.step
    asked = {approvals.group for approvals in (needed(settings, step) if settings else ())}
    return sorted(group for group in person.groups if group in asked)


def _said(obj: Object | None) -> Said | None:
    status = (obj or {}).get("status") or {}
    if not status.get("outcome"):
        return None
    return Said(str(status["outcome"]), str(status.get("message") or ""))


APPLIED = str(Outcome.APPLIED)
