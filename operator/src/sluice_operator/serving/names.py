"""The name of the InferenceService of a version: same content, same name."""

import hashlib
import json
import re

from ..api.modelversion import ModelVersionSpec

_SLUG_LENGTH = 38
"""KServe allows 48 characters in all."""
_HOST_LABEL = 63
_HASH_LENGTH = 8
_SERVICE = "-predictor"
_AROUND = len("-") + _HASH_LENGTH + len(_SERVICE) + len("-")
"""What stands around the slug in the first label of the host name that KServe makes of service and namespace."""

MUTABLE_IN_PREDICTOR = frozenset({"minReplicas", "maxReplicas"})
_MUTABLE = {"paused", "rollout"}


def backend_name(name: str, spec: ModelVersionSpec, *, namespace: str) -> str:
    """Name of the InferenceService of a ModelVersion: its own name, and a hash of all that is immutable.

    The name is cut to what KServe can make a host name of: `{name}-predictor-{namespace}` must be a DNS label. It
    outlives the operator that gave it: a field that is new in the API must not change the names of the versions that
    do not use it.
    """
    content = spec.model_dump(mode="json", by_alias=True, exclude_none=True, exclude=_MUTABLE)
    for key in MUTABLE_IN_PREDICTOR:
        content["predictor"].pop(key, None)
    content["predictor"].pop("overlay", None)
    if spec.predictor.overlay:
        content["predictor"]["overlay"] = spec.predictor.overlay  # whose nulls mean something
    if spec.lineage is not None and not spec.lineage.metrics:
        content["lineage"].pop("metrics", None)
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(text.encode()).hexdigest()[:_HASH_LENGTH]
    length = max(1, min(_SLUG_LENGTH, _HOST_LABEL - _AROUND - len(namespace)))
    return f"{_slug(name)[:length].rstrip('-')}-{digest}"


def service_name(backend: str) -> str:
    """Name of the Service that KServe makes of an InferenceService."""
    return f"{backend}{_SERVICE}"


def _slug(name: str) -> str:
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    if not slug[:1].isalpha():
        slug = f"v-{slug}"
    return slug
