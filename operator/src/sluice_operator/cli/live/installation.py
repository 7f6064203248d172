"""The operators of a cluster, as their Deployments say: which version, which settings, whether they run."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING

from ...kube.resource import Object, Resource
from ..errors import ClusterError

if TYPE_CHECKING:
    from ..cluster import Cluster

DEPLOYMENTS = Resource("apps", "v1", "deployments")
_OURS = {"labelSelector": "app.kubernetes.io/name=sluice"}
_USUAL_NAMESPACE = "sluice-system"
_MINOR = re.compile(r"^v?(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True)
class Installation:
    """An operator."""

    namespace: str
    version: str
    wanted: int
    """Pods that it is to have."""
    ready: int
    environment: Mapping[str, str]
    """Its settings, by environment variable."""


def installations(cluster: "Cluster") -> list[Installation]:
    """The operators that the user may see: everywhere, or where Sluice is usually installed, or where he looks.

    Raises:
        ClusterError: he may see none of these places.
    """
    refused = []
    for namespace in (None, _USUAL_NAMESPACE, cluster.namespace):
        try:
            return [_read(one) for one in cluster.items(DEPLOYMENTS, namespace=namespace, query=_OURS)]
        except ClusterError as error:
            if error.status != 403:
                raise
            refused.append(error)
    raise refused[0]


def own_version() -> str:
    """The version of this program."""
    return metadata.version("sluice-operator")


def skew(operator: str) -> str:
    """What people are told where this program and an operator are too far apart; empty where they are not."""
    mine, theirs = _MINOR.match(own_version()), _MINOR.match(operator)
    if mine is None or theirs is None:
        return f"nobody can tell whether kubectl-sluice {own_version()} fits the operator's version {operator or '?'}"
    if mine[1] == theirs[1] and abs(int(mine[2]) - int(theirs[2])) <= 1:
        return ""
    return (
        f"kubectl-sluice is {own_version()} and the operator {operator}, more than one minor version apart: "
        f"pip install 'sluice-operator[cli]=={operator}'"
    )


def _read(deployment: Object) -> Installation:
    meta, spec, status = deployment["metadata"], deployment.get("spec") or {}, deployment.get("status") or {}
    containers = ((spec.get("template") or {}).get("spec") or {}).get("containers") or [{}]
    return Installation(
        namespace=str(meta.get("namespace", "")),
        version=str((meta.get("labels") or {}).get("app.kubernetes.io/version", "")),
        wanted=int(spec.get("replicas", 1)),
        ready=int(status.get("readyReplicas") or 0),
        environment={one["name"]: str(one["value"]) for one in containers[0].get("env") or () if "value" in one},
    )
