"""Versions and their pods as they change: two watches, each in a thread, and one place where their news arrive."""

import queue
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ...api.labels import MODEL_LABEL
from ...kube.resource import Object, Resource
from ..cluster import MODEL_VERSIONS, PODS, Cluster
from ..errors import ClusterError

OF_MODELS = {"labelSelector": MODEL_LABEL}
"""Pods that serve a model."""
_TICK = 1.0
"""Seconds after which times are told anew where nothing happens."""
_CALM = 0.2
"""Seconds between two pictures, however much happens."""


@dataclass(frozen=True, slots=True)
class There:
    """What is there."""

    versions: tuple[Object, ...]
    pods: tuple[Object, ...]
    without_pods: ClusterError | None = None
    """Why no pods are told."""


def there(cluster: Cluster) -> There:
    """What is there now. Without the right to read pods, the rest is told all the same."""
    versions = tuple(cluster.items(MODEL_VERSIONS, namespace=cluster.scope))
    try:
        return There(versions, tuple(cluster.items(PODS, namespace=cluster.scope, query=OF_MODELS)))
    except ClusterError as error:
        return There(versions, (), without_pods=error)


def changes(cluster: Cluster) -> Iterator[There]:
    """What is there, anew after each change, and the same again each second in which there is none, without an end.

    Raises:
        ClusterError: versions cannot be read.
    """
    arrived: queue.Queue[tuple[Resource, tuple[Object, ...] | ClusterError]] = queue.Queue()
    for resource, query in ((MODEL_VERSIONS, {}), (PODS, OF_MODELS)):
        threading.Thread(target=_follow, args=(cluster, resource, query, arrived), daemon=True).start()
    latest: dict[Resource, tuple[Object, ...] | ClusterError] = {}
    last: There | None = None
    while True:
        try:
            resource, news = arrived.get(timeout=_TICK)
            latest[resource] = news
            time.sleep(_CALM)
            while not arrived.empty():
                resource, news = arrived.get_nowait()
                latest[resource] = news
            last = _put_together(latest)
        except queue.Empty:
            pass
        if last is not None:
            yield last


def _put_together(latest: Mapping[Resource, tuple[Object, ...] | ClusterError]) -> There | None:
    versions, pods = latest.get(MODEL_VERSIONS), latest.get(PODS, ())
    if isinstance(versions, ClusterError):
        raise versions
    if versions is None:
        return None
    return There(versions, (), pods) if isinstance(pods, ClusterError) else There(versions, pods)


def _follow(
    cluster: Cluster,
    resource: Resource,
    query: Mapping[str, str],
    arrived: "queue.Queue[tuple[Resource, tuple[Object, ...] | ClusterError]]",
) -> None:
    try:
        for found in cluster.follow(resource, namespace=cluster.scope, query=query):
            arrived.put((resource, tuple(found.values())))
    except ClusterError as error:
        arrived.put((resource, error))
