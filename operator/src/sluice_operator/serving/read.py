"""What the cluster says of a version: ready or not, and why not in the pod's own words."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..rollout.snapshot import Backend
from .render import OWNER_ANNOTATION, STOP_ANNOTATION

_POD_SERVICE_LABEL = "serving.kserve.io/inferenceservice"
_QUIET_WAITS = ("ContainerCreating", "PodInitializing")

Object = Mapping[str, Any]


def pod_backend(pod: Object) -> str | None:
    """Name of the InferenceService that a pod belongs to."""
    name = pod["metadata"].get("labels", {}).get(_POD_SERVICE_LABEL)
    return name if isinstance(name, str) else None


def owner(inference_service: Object) -> str | None:
    """Name of the ModelVersion that an InferenceService was made for; None for anybody else's."""
    name = inference_service["metadata"].get("annotations", {}).get(OWNER_ANNOTATION)
    return name if isinstance(name, str) else None


def read_backend(*, name: str, version: str, service: Object | None, pods: Sequence[Object]) -> Backend:
    """What serves a version, as the cluster shows it.

    Args:
        name: Name of the InferenceService.
        version: Name of the ModelVersion.
        service: The InferenceService, if there is one.
        pods: The pods of that InferenceService.
    """
    if service is None:
        return Backend(name=name, problem="its InferenceService is not there yet")
    if owner(service) != version:
        return Backend(name=name, exists=True, foreign=True)
    stopped = service["metadata"].get("annotations", {}).get(STOP_ANNOTATION) == "true"
    live = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
    ready = not stopped and _condition(service, "Ready") == "True" and any(_pod_ready(pod) for pod in live)
    problem = None if ready else _problem(service, live)
    return Backend(name=name, exists=True, stopped=stopped, ready=ready, problem=problem)


def _condition(obj: Object, kind: str) -> str | None:
    return next((c.get("status") for c in obj.get("status", {}).get("conditions", ()) if c["type"] == kind), None)


def _pod_ready(pod: Object) -> bool:
    return _condition(pod, "Ready") == "True"


def _problem(service: Object, pods: Sequence[Object]) -> str:
    found = next(filter(None, map(_pod_problem, pods)), None) or _service_problem(service)
    return (found or "its pods are starting")[:400]


def _pod_problem(pod: Object) -> str | None:
    status = pod.get("status", {})
    for condition in status.get("conditions", ()):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return f"{condition.get('reason', 'Unschedulable')}: {condition.get('message', '')}".strip()
    containers = (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ()))
    return next(filter(None, map(_container_problem, containers)), None)


def _container_problem(container: Object) -> str | None:
    waiting = container.get("state", {}).get("waiting", {})
    if waiting and waiting.get("reason") not in _QUIET_WAITS:
        said = _first(_termination(container), waiting.get("message"))
        return _joined(waiting.get("reason"), said)
    ended = container.get("state", {}).get("terminated", {})
    if ended and ended.get("exitCode"):
        return _joined(ended.get("reason"), ended.get("message"))
    return None


def _termination(container: Object) -> str | None:
    """What the container said when it last ended: better than kubelet's 'back-off restarting'."""
    message = container.get("lastState", {}).get("terminated", {}).get("message")
    return message if isinstance(message, str) else None


def _service_problem(service: Object) -> str | None:
    """KServe's own word where it is about more than waiting: an unknown runtime, a refused format."""
    info = service.get("status", {}).get("modelStatus", {}).get("lastFailureInfo", {})
    return _joined(info.get("reason"), info.get("message")) if info else None


def _joined(reason: str | None, message: str | None) -> str:
    return ": ".join(part.strip() for part in (reason, message) if part)


def _first(*words: str | None) -> str | None:
    return next(filter(None, words), None)


def by_backend(pods: Iterable[Object]) -> Mapping[str, Sequence[Object]]:
    """Pods grouped by the InferenceService they belong to."""
    out: dict[str, list[Object]] = {}
    for pod in pods:
        name = pod_backend(pod)
        if name is not None:
            out.setdefault(name, []).append(pod)
    return out
