"""What a version lays over the predictor of its InferenceService: a JSON merge patch, kept off what is not its to set.

A field is refused for one of three reasons: traffic is decided in the route alone; the operator writes the field
itself; or a ModelVersion has a field of its own for it, so that one thing is said in one place. Everything else is
KServe's, and KServe judges it. Whoever may create a ModelVersion may create an InferenceService, so an overlay gives
nobody more than he has.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

Patch = Mapping[str, Any]

MODEL_CONTAINER = "kserve-container"
OWN_ENV = ("SLUICE_MODEL_VERSION", "SLUICE_MODEL_DIGEST")
"""What tells a predictor which version it must serve."""
_DEEPEST = 24
_MODEL_NAME = "--model_name"
_OWN_LABELS = ("app", "component", "app.kubernetes.io/managed-by")
_LABEL_DOMAINS = ("sluice.dev", "serving.kserve.io", "networking.kserve.io")
_OWN_ANNOTATIONS = ("serving.kserve.io/stop", "serving.kserve.io/deploymentMode")
_ANNOTATION_DOMAINS = ("sluice.dev", "internal.serving.kserve.io")
"""Below the latter KServe tells its own pods where the model is."""

_ROUTE = "traffic is decided in the route alone"
_MODEL = "spec.predictor.modelFormat and runtime say what is run"
_SOURCE = "spec.source says what is served"
_REFUSED = {
    **dict.fromkeys(("canary", "canaryTrafficPercent", "name"), _ROUTE),
    **dict.fromkeys(("minReplicas", "maxReplicas", "nodeSelector", "tolerations"), "spec.predictor has a field for it"),
    **dict.fromkeys(("storageUris", "storageContainerName"), _SOURCE),
    **dict.fromkeys(
        ("sklearn", "xgboost", "tensorflow", "pytorch", "triton", "onnx", "huggingface", "pmml", "lightgbm", "paddle"),
        _MODEL,
    ),
}
_REFUSED_IN_MODEL = {
    **dict.fromkeys(("args", "env", "envFrom", "resources"), "spec.predictor has a field for it"),
    **dict.fromkeys(("modelFormat", "runtime", "name"), _MODEL),
    **dict.fromkeys(("storageUri", "storage"), _SOURCE),
}


class UnservableError(ValueError):
    """A version asks for what it cannot have; the message names the field and says why."""


def merge_patch(target: Any, patch: Any) -> Any:
    """What becomes of a document by a JSON merge patch (RFC 7396). Neither of the two is altered."""
    if not isinstance(patch, Mapping):
        return patch
    out = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            out.pop(key, None)
        else:
            out[key] = merge_patch(out.get(key), value)
    return out


def check_overlay(overlay: Patch) -> None:
    """See that an overlay keeps off what is not its to set.

    Raises:
        UnservableError: naming the first field that it must not touch.
    """
    if _deeper_than(overlay, _DEEPEST):
        raise UnservableError(f"overlay: is nested deeper than {_DEEPEST} levels")
    for key in overlay:
        _refuse_if(key in _REFUSED, key, _REFUSED.get(key, ""))
    model = overlay.get("model", {})
    _refuse_if(not isinstance(model, Mapping), "model", "it must stay an object")
    for key in model:
        _refuse_if(key in _REFUSED_IN_MODEL, f"model.{key}", _REFUSED_IN_MODEL.get(key, ""))
    _check_metadata(overlay, "labels", names=_OWN_LABELS, domains=_LABEL_DOMAINS)
    _check_metadata(overlay, "annotations", names=_OWN_ANNOTATIONS, domains=_ANNOTATION_DOMAINS)
    for where, container in _containers(overlay):
        _check_container(where, container)


def _refuse_if(wrong: bool, field: str, why: str) -> None:
    if wrong:
        raise UnservableError(f"overlay.{field}: {why}")


def _check_metadata(overlay: Patch, field: str, *, names: Collection[str], domains: Collection[str]) -> None:
    given = overlay.get(field, {})
    _refuse_if(not isinstance(given, Mapping), field, "it must be an object")
    for key in given:
        own = key in names or key.rpartition("/")[0] in domains
        _refuse_if(own, f"{field}[{key!r}]", "it belongs to KServe or Sluice")


def _containers(overlay: Patch) -> Iterator[tuple[str, Patch]]:
    for field in ("containers", "initContainers"):
        given = overlay.get(field)
        _refuse_if(given is not None and not isinstance(given, list), field, "it must be a list")
        for index, container in enumerate(given or ()):
            where = f"{field}[{index}]"
            _refuse_if(not isinstance(container, Mapping), where, "it must be an object")
            yield where, container


def _check_container(where: str, container: Patch) -> None:
    named = container.get("name") == MODEL_CONTAINER
    _refuse_if(named, where, f"{MODEL_CONTAINER} is the model's own container")
    args, env = container.get("args"), container.get("env")
    said = [str(arg) for arg in args] if isinstance(args, list) else []
    _refuse_if(any(arg.startswith(_MODEL_NAME) for arg in said), f"{where}.args", f"{_MODEL_NAME} is the operator's")
    names = [entry.get("name") for entry in env if isinstance(entry, Mapping)] if isinstance(env, list) else []
    own = next((name for name in names if name in OWN_ENV), None)
    _refuse_if(own is not None, f"{where}.env", f"{own} is the operator's")


def _deeper_than(document: Any, levels: int) -> bool:
    """Whether a document is nested deeper than that; it may be deeper than this process can recurse."""
    layer = [document]
    for _ in range(levels):
        layer = [child for value in layer for child in _children(value)]
        if not layer:
            return False
    return any(isinstance(value, Mapping | list) for value in layer)


def _children(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return list(value.values())
    return value if isinstance(value, list) else []
