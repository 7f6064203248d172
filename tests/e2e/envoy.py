"""What Envoy itself has counted, whatever clients, predictors and Prometheus say."""

import json
import re

from hack.demo.kube import Cluster

_STATISTICS_PORT = 8002
_REQUESTS = re.compile(r'^envoy_cluster_upstream_rq_total\{envoy_cluster_name="([^"]+)"\} (\d+)$', re.MULTILINE)


async def requests(cluster: Cluster) -> dict[str, int]:
    """Requests that Envoy has sent, by the Service that it sent them to."""
    gateway = Cluster(cluster.kubeconfig, "projectcontour")
    found = json.loads(await gateway.kubectl("get", "pods", "--selector=app=envoy", "-o", "json"))
    (name,) = [pod["metadata"]["name"] for pod in found["items"] if "deletionTimestamp" not in pod["metadata"]]
    path = f"/api/v1/namespaces/{gateway.namespace}/pods/{name}:{_STATISTICS_PORT}/proxy/stats/prometheus"
    counted = _REQUESTS.findall(await gateway.kubectl("get", "--raw", path))
    return {_service(name, cluster.namespace): int(count) for name, count in counted}


def _service(cluster_name: str, namespace: str) -> str:
    """Contour calls a cluster namespace_service_port."""
    return cluster_name.removeprefix(f"{namespace}_").rpartition("_")[0]
