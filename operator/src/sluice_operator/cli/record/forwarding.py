"""The ledger's endpoint in the operator's pod, through a port-forward that the API server makes.

The user's right to forward ports to that pod is the right to read; no port is opened on either machine.
"""

import contextlib
import http.client
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from ...kube.resource import Object
from ...ledger.lines import from_line
from ...ledger.record import Head, Record
from ...ledger.verify import Fault
from ..cluster import PODS, Cluster
from ..errors import ClusterError

if TYPE_CHECKING:
    from kubernetes.stream.ws_client import PortForward

_PORT = 8082
_SECONDS = 30.0
_MOST_BYTES = 16 << 20
"""Of a page. The operator ends one at half of it."""
_SELECTOR = "app.kubernetes.io/name=sluice,app.kubernetes.io/component=operator"


class Forwarded:
    """The record as the operator serves it."""

    def __init__(self, connection: http.client.HTTPConnection) -> None:
        self._connection = connection

    def head(self) -> Head:
        """Where the chain ends."""
        try:
            said = json.loads(self._page("/v1/head"))
            return Head(chain=str(said["chain"]), seq=int(said["seq"]), digest=str(said["digest"]))
        except (ValueError, KeyError, TypeError) as error:
            raise ClusterError(f"what the operator says of the ledger's head cannot be read: {error!r}") from error

    def records(self, *, namespace: str | None = None, model: str | None = None) -> Iterator[Record | Fault]:
        """Records in the order of the chain, page by page."""
        names = {"namespace": namespace, "model": model}
        after = 0
        while True:
            asked = {"after": after, **{name: value for name, value in names.items() if value is not None}}
            lines = self._page(f"/v1/records?{urlencode(asked)}").decode().splitlines()
            for line in lines:
                try:
                    record = from_line(line)
                except ValueError as error:
                    raise ClusterError(f"a record that the operator serves cannot be read: {error}") from error
                if record.seq <= after:
                    raise ClusterError(f"the operator serves record {record.seq} after record {after}")
                after = record.seq
                yield record
            if not lines:
                return

    def _page(self, path: str) -> bytes:
        try:
            self._connection.request("GET", path)
            response = self._connection.getresponse()
            body = response.read(_MOST_BYTES)
        except (OSError, http.client.HTTPException) as error:
            said = str(error) or type(error).__name__
            raise ClusterError(
                f"the operator's pod does not serve the record ({said}): is it older than this program?"
            ) from error
        if response.status != http.HTTPStatus.OK:
            raise ClusterError(body[:300].decode(errors="replace").strip() or f"the operator answers {response.status}")
        return body


@contextlib.contextmanager
def forwarded(cluster: Cluster, *, namespace: str) -> Iterator[Forwarded]:
    """Reach the record in the operator's pod, for as long as the block lasts.

    Raises:
        ClusterError: There is no such pod, or the user may not forward ports to it.
    """
    forward = _forward(cluster, _ready_pod(cluster, namespace), namespace)
    try:
        socket: Any = forward.socket(_PORT)
        socket.settimeout(_SECONDS)
        connection = http.client.HTTPConnection("127.0.0.1", _PORT)
        connection.sock = socket
        connection.auto_open = 0
        yield Forwarded(connection)
    finally:
        forward.close()


def _ready_pod(cluster: Cluster, namespace: str) -> str:
    pods = cluster.items(PODS, namespace=namespace, query={"labelSelector": _SELECTOR})
    ready = [str(pod["metadata"]["name"]) for pod in pods if _is_ready(pod)]
    if not ready:
        raise ClusterError(
            f"no pod of the operator is ready in namespace {namespace}: --operator-namespace names another, "
            "--ledger-url its database, --records an export"
        )
    return ready[0]


def _is_ready(pod: Object) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    there = "deletionTimestamp" not in pod["metadata"]
    return there and any(one.get("type") == "Ready" and one.get("status") == "True" for one in conditions)


def _forward(cluster: Cluster, pod: str, namespace: str) -> "PortForward":
    from kubernetes.client import CoreV1Api
    from kubernetes.client.exceptions import ApiException
    from kubernetes.stream import portforward

    try:
        ask = CoreV1Api(cluster.api).connect_get_namespaced_pod_portforward
        forward: PortForward = portforward(ask, pod, namespace, ports=str(_PORT))
    except (ApiException, OSError) as error:
        said = " ".join(str(getattr(error, "reason", None) or error).split())
        if " 403 " in said:
            raise ClusterError(
                f"reading the record takes the right to create pods/portforward in namespace {namespace}; "
                "an export can be read with --records",
                status=403,
            ) from error
        raise ClusterError(f"no port-forward to pod {pod} in namespace {namespace}: {said[:300]}") from error
    return forward
