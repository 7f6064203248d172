"""The version that the story rolls out: one that is on the cluster and serves nobody, taken away to be applied anew."""

import time
from typing import Any

from sluice_operator.api import modelversion
from sluice_operator.api.base import API_VERSION
from sluice_operator.cli.cluster import MODEL_VERSIONS, Cluster
from sluice_operator.cli.errors import ClusterError

_SECONDS = 120.0
_POLL_SECONDS = 0.5


def manifest(*, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    """A ModelVersion as it is applied."""
    return {"apiVersion": API_VERSION, "kind": modelversion.KIND, "metadata": {"name": name}, "spec": spec}


def taken_away(cluster: Cluster, name: str) -> dict[str, Any]:
    """Delete a version that serves nobody; what applies it anew.

    Raises:
        ValueError: it serves.
        TimeoutError: it does not go.
    """
    found = cluster.get(MODEL_VERSIONS, name, namespace=cluster.namespace)
    if (found.get("status") or {}).get("weight"):
        raise ValueError(f"{name} has traffic: name a version that was rolled back")
    path = MODEL_VERSIONS.path(namespace=cluster.namespace, name=name)
    cluster.ask("DELETE", path)
    ends = time.monotonic() + _SECONDS
    while time.monotonic() < ends:
        try:
            cluster.ask("GET", path)
        except ClusterError as error:
            if error.status == 404:
                return manifest(name=name, spec=found["spec"])
        time.sleep(_POLL_SECONDS)
    raise TimeoutError(f"{name} is not gone within {_SECONDS:g} s")
