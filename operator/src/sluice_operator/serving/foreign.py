"""What somebody else put into an InferenceService of ours, and the merge patch that takes it out again.

Server-side apply gives back what others changed of ours, and leaves alone what they added. KServe's own canary, a
transformer or another image would change what serves a version without a rollout, so additions go as well. KServe's
webhook adds its defaults, and other webhooks may add what they like to every write: whoever reverts must therefore
look at what came of it, and not try twice.
"""

from collections.abc import Mapping
from typing import Any

from .render import STOP_ANNOTATION

Object = Mapping[str, Any]

_DEFAULTED = frozenset({"automountServiceAccountToken"})
_DEFAULTED_IN_MODEL = frozenset({"name", "protocolVersion", "resources"})
_TRAFFIC = ("canary", "transformer", "explainer")


def told(service: Object) -> str | None:
    """Why an InferenceService cannot stay as it is: somebody else divides its traffic, or answers in its place."""
    spec = service.get("spec", {})
    found = [f"spec.{field}" for field in _TRAFFIC if spec.get(field)]
    if "canaryTrafficPercent" in spec.get("predictor", {}):
        found.append("spec.predictor.canaryTrafficPercent")
    if not found:
        return None
    return f"{' and '.join(found)} of its InferenceService was set by somebody else: traffic is decided in the route"


def without_additions(live: Object, wanted: Object) -> dict[str, Any]:
    """The merge patch that takes others' additions out of an InferenceService; empty where there are none.

    Args:
        live: The InferenceService as it is.
        wanted: The InferenceService as it was rendered.
    """
    patch: dict[str, Any] = {}
    spec = _additions(live.get("spec", {}), wanted["spec"], spared=frozenset())
    predictor, ours = live.get("spec", {}).get("predictor", {}), wanted["spec"]["predictor"]
    inner = _additions(predictor, ours, spared=_DEFAULTED)
    model = _additions(predictor.get("model", {}), ours["model"], spared=_DEFAULTED_IN_MODEL)
    if model:
        inner["model"] = model
    if inner:
        spec["predictor"] = inner
    if spec:
        patch["spec"] = spec
    annotations = live["metadata"].get("annotations", {})
    if STOP_ANNOTATION in annotations and STOP_ANNOTATION not in wanted["metadata"]["annotations"]:
        patch["metadata"] = {"annotations": {STOP_ANNOTATION: None}}
    return patch


def _additions(live: Object, wanted: Object, *, spared: frozenset[str]) -> dict[str, Any]:
    return {key: None for key in live if key not in wanted and key not in spared}


def fields(patch: Object, *, within: str = "") -> str:
    """The fields that a patch takes out, for people to read."""
    inner = (fields(value, within=f"{within}{key}.") if value else f"{within}{key}" for key, value in patch.items())
    return ", ".join(inner)
