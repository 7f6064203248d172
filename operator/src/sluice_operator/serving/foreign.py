"""What somebody else put into an InferenceService of ours, and the merge patch that takes it out again.

Server-side apply gives back what others changed of ours, and leaves alone what they added. KServe's own canary, a
transformer, another image or one more environment variable would change what serves a version without a rollout, so
additions go as well; lists whose entries have keys, as env has, are put back whole. KServe's webhook adds its defaults,
and other webhooks may add what they like to every write: whoever reverts must therefore look at what came of it, and
not try twice.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from .render import STOP_ANNOTATION

Object = Mapping[str, Any]

_DEFAULTED = frozenset({"automountServiceAccountToken"})
_DEFAULTED_IN_MODEL = frozenset({"name", "protocolVersion", "resources"})
_DEFAULTED_IN_LISTS = frozenset({"name", "optional", "protocol"})
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
    model |= _added_to(predictor.get("model", {}), ours["model"])
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


def _added_to(live: Object, wanted: Object) -> dict[str, Any]:
    """The lists of ours to which somebody added an entry, or something in one, as they are to be."""
    lists = {key: ours for key, ours in wanted.items() if isinstance(ours, list)}
    return {key: ours for key, ours in lists.items() if any(_is_theirs(entry, ours) for entry in live.get(key, ()))}


def _is_theirs(entry: Any, ours: Sequence[Any]) -> bool:
    """Whether an entry is none of ours. Server-side apply sees to lists whose entries have no keys."""
    return isinstance(entry, Mapping) and not any(_stands(entry, own) for own in ours)


def _stands(live: Any, wanted: Any) -> bool:
    if not isinstance(live, Mapping) or not isinstance(wanted, Mapping):
        return bool(live == wanted)
    return live.keys() - wanted.keys() <= _DEFAULTED_IN_LISTS and all(
        _stands(live.get(key), value) for key, value in wanted.items()
    )


def fields(patch: Object, *, within: str = "") -> str:
    """The fields that a patch takes out, for people to read."""
    inner = (
        fields(value, within=f"{within}{key}.") if isinstance(value, Mapping) else f"{within}{key}"
        for key, value in patch.items()
    )
    return ", ".join(inner)
