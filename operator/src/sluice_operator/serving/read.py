"""What the cluster says of a version: ready or not, with how many pods, and why not in the pod's own words.

Pods count where the version's Service selects them: those of a canary that somebody set beside ours, and the workers of
a group, answer no requests of the route.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..api.labels import MANAGED_BY, MODEL_LABEL, VERSION_LABEL
from ..api.modelversion import ModelVersionSpec
from ..rollout.snapshot import Backend
from .foreign import told
from .render import OWNER_ANNOTATION, STOP_ANNOTATION

_POD_SERVICE_LABEL = "serving.kserve.io/inferenceservice"
_POD_SELECTED_BY = "app"
_ENDED = ("Succeeded", "Failed")
_LONGEST = 400
_QUIET_WAITS = ("ContainerCreating", "PodInitializing")
_SIGNALLED = 128
"""An exit code above it is that of a process that a signal ended."""

Object = Mapping[str, Any]


def pod_backend(pod: Object) -> str | None:
    """Name of the InferenceService that a pod belongs to."""
    name = pod["metadata"].get("labels", {}).get(_POD_SERVICE_LABEL)
    return name if isinstance(name, str) else None


def owner(inference_service: Object) -> str | None:
    """Name of the ModelVersion that an InferenceService was made for; None for anybody else's."""
    name = inference_service["metadata"].get("annotations", {}).get(OWNER_ANNOTATION)
    return name if isinstance(name, str) else None


def bears(inference_service: Object, spec: ModelVersionSpec) -> bool:
    """Whether an InferenceService has all the labels by which that of a version is found."""
    wanted = {**MANAGED_BY, MODEL_LABEL: spec.model, VERSION_LABEL: spec.version}
    return bool(wanted.items() <= inference_service["metadata"].get("labels", {}).items())


def read_backend(
    *,
    name: str,
    version: str,
    service: Object | None,
    pods: Sequence[Object],
    refusal: str | None = None,
    spoilt: bool = False,
) -> Backend:
    """What serves a version, as the cluster shows it.

    Args:
        name: Name of the InferenceService.
        version: Name of the ModelVersion.
        service: The InferenceService, if there is one.
        pods: The pods of that InferenceService.
        refusal: Why the API server did not take the InferenceService as it is to be.
        spoilt: Whether it was made for the version although its annotation does not say so any more.
    """
    refused = f"its InferenceService is refused: {refusal}"[:_LONGEST] if refusal else None
    if service is None:
        return Backend(name=name, problem=refused or "its InferenceService is not there yet")
    if owner(service) != version and not spoilt:
        return Backend(name=name, exists=True, foreign=True)
    stopped = service["metadata"].get("annotations", {}).get(STOP_ANNOTATION) == "true"
    live = [pod for pod in pods if _counts(pod, name)]
    available = sum(map(_pod_ready, live))
    ready = not stopped and _condition(service, "Ready") == "True" and available > 0
    return Backend(
        name=name,
        exists=True,
        stopped=stopped,
        ready=ready,
        problem=None if ready else refused or _problem(service, live),
        available=available,
        desired=0 if stopped else max(_least(service), len(live)),
        refused=told(service),
    )


def _counts(pod: Object, backend: str) -> bool:
    """Whether a pod is there to answer what is sent to the version's Service."""
    meta, selected = pod["metadata"], f"isvc.{backend}-predictor"
    ended = pod.get("status", {}).get("phase") in _ENDED
    return not ended and "deletionTimestamp" not in meta and meta["labels"].get(_POD_SELECTED_BY, selected) == selected


def _least(service: Object) -> int:
    """The pods that KServe runs at least: itself, or as the lower bound of the autoscaler that it makes."""
    least = service.get("spec", {}).get("predictor", {}).get("minReplicas", 1)
    return least if isinstance(least, int) else 1


def _condition(obj: Object, kind: str) -> str | None:
    return next((c.get("status") for c in obj.get("status", {}).get("conditions", ()) if c["type"] == kind), None)


def _pod_ready(pod: Object) -> bool:
    return _condition(pod, "Ready") == "True"


def _problem(service: Object, pods: Sequence[Object]) -> str:
    found = next(filter(None, map(_pod_problem, pods)), None) or _service_problem(service)
    return (found or "its pods are starting")[:_LONGEST]


def _pod_problem(pod: Object) -> str | None:
    status = pod.get("status", {})
    for condition in status.get("conditions", ()):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return f"{condition.get('reason', 'Unschedulable')}: {condition.get('message', '')}".strip()
    containers = (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ()))
    return next(filter(None, map(_container_problem, containers)), None)


def _container_problem(container: Object) -> str | None:
    state = container.get("state", {})
    waiting, ended = state.get("waiting", {}), state.get("terminated", {})
    before = _why_ended(container.get("lastState", {}).get("terminated", {}))
    if waiting and waiting.get("reason") not in _QUIET_WAITS:
        # Why it ended says more than kubelet's 'back-off restarting'.
        return _joined(waiting.get("reason"), before or waiting.get("message"))
    if ended.get("exitCode"):
        return _joined(ended.get("reason"), _why_ended(ended))
    return _joined("restarted", before) if before and not container.get("ready") else None


def _why_ended(ended: Object) -> str | None:
    """Why a container ended: what it said last, unless it was ended from outside and could not say."""
    if ended.get("reason") == "OOMKilled":
        return "it needed more memory than its limit allows"
    code = ended.get("exitCode")
    if isinstance(code, int) and code > _SIGNALLED:
        return f"it was ended by signal {code - _SIGNALLED}"
    message = ended.get("message")
    return message if isinstance(message, str) else None


def _service_problem(service: Object) -> str | None:
    """KServe's own word where it is about more than waiting: an unknown runtime, a refused format."""
    info = service.get("status", {}).get("modelStatus", {}).get("lastFailureInfo", {})
    if not info:
        return None
    runtime = service.get("spec", {}).get("predictor", {}).get("model", {}).get("runtime")
    # The one thing that KServe does not say of a runtime that is not there is its name.
    named = runtime if info.get("reason") == "RuntimeNotRecognized" else None
    return _joined(info.get("reason"), info.get("message"), named)


def _joined(*parts: str | None) -> str:
    return ": ".join(part.strip() for part in parts if part)


def by_backend(pods: Iterable[Object]) -> Mapping[str, Sequence[Object]]:
    """Pods grouped by the InferenceService they belong to."""
    out: dict[str, list[Object]] = {}
    for pod in pods:
        name = pod_backend(pod)
        if name is not None:
            out.setdefault(name, []).append(pod)
    return out


def answering(backend: str, pods: Iterable[Object]) -> Iterable[Object]:
    """Those of some pods that answer now what is sent to a version's Service."""
    return (pod for pod in pods if pod_backend(pod) == backend and _counts(pod, backend) and _pod_ready(pod))
