"""The InferenceService of a version.

Its labels and annotations reach the pod template, so no value that changes ever goes there, except the annotation by
which KServe stops a service. Replicas are KServe's lower bound, or that of the autoscaler it makes: the operator never
touches a Deployment.
"""

from typing import Any

from ..api.labels import MANAGED_BY, MODEL_LABEL, VERSION_LABEL
from ..api.modelversion import ModelVersionSpec
from .names import MUTABLE_IN_PREDICTOR
from .overlay import OWN_ENV, UnservableError, check_overlay, merge_patch

API_VERSION = "serving.kserve.io/v1beta1"
OWNER_ANNOTATION = "sluice.dev/model-version"
STOP_ANNOTATION = "serving.kserve.io/stop"


def check_servable(spec: ModelVersionSpec) -> None:
    """See that an InferenceService can be made of a version.

    Raises:
        UnservableError: naming the field that stands in the way.
    """
    names = [variable.name for variable in spec.predictor.env]
    twice = next((name for name in names if name in OWN_ENV or names.count(name) > 1), None)
    if twice is not None:
        raise UnservableError(f"env: {twice} is {'set by the operator' if twice in OWN_ENV else 'given twice'}")
    if spec.predictor.overlay:
        check_overlay(spec.predictor.overlay)


def render_inference_service(
    *, name: str, namespace: str, owner: str, spec: ModelVersionSpec, runtime: str, stopped: bool, replicas: int
) -> dict[str, Any]:
    """The InferenceService that serves a version, or, stopped, keeps its place without pods.

    Args:
        name: Name of the InferenceService.
        namespace: Namespace of the ModelVersion.
        owner: Name of the ModelVersion.
        spec: The version.
        runtime: Name of the runtime it was resolved to; empty lets KServe choose by format.
        stopped: Whether its pods are to go.
        replicas: Pods that it has at least.
    """
    annotations = {"serving.kserve.io/deploymentMode": "Standard", OWNER_ANNOTATION: owner}
    if stopped:
        annotations[STOP_ANNOTATION] = "true"
    return {
        "apiVersion": API_VERSION,
        "kind": "InferenceService",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {
                **MANAGED_BY,
                "networking.kserve.io/visibility": "cluster-local",
                MODEL_LABEL: spec.model,
                VERSION_LABEL: spec.version,
            },
            "annotations": annotations,
        },
        "spec": {"predictor": merge_patch(_predictor(spec, runtime, replicas), spec.predictor.overlay or {})},
    }


def _predictor(spec: ModelVersionSpec, runtime: str, replicas: int) -> dict[str, Any]:
    given = spec.predictor.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)
    model = {
        key: value
        for key, value in given.items()
        if key not in MUTABLE_IN_PREDICTOR | {"nodeSelector", "tolerations", "runtime", "overlay"}
    }
    model["modelFormat"] = spec.predictor.model_format.model_dump(mode="json", exclude_none=True)
    model["args"] = [*spec.predictor.args, f"--model_name={spec.model}"]
    model["env"] = [*model.get("env", []), *_identity(spec)]
    model["storageUri"] = spec.source.storage_uri
    if runtime:
        model["runtime"] = runtime
    pod: dict[str, Any] = {key: given[key] for key in ("nodeSelector", "tolerations") if key in given}
    bounds = {"minReplicas": replicas, "maxReplicas": max(replicas, spec.predictor.max_replicas)}
    return {"model": model, **pod, **bounds}


def _identity(spec: ModelVersionSpec) -> list[dict[str, str]]:
    """What the predictor must know to serve exactly this version; any other runtime ignores it."""
    values = (spec.version, spec.source.digest or "")
    return [{"name": name, "value": value} for name, value in zip(OWN_ENV, values, strict=True)]
