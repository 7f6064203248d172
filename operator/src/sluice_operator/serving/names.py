"""The name of the InferenceService of a version: same content, same name."""

import hashlib
import json
import re

from ..api.modelversion import ModelVersionSpec

_SLUG_LENGTH = 38
"""KServe allows 48 characters; a dash and 8 of the hash take the rest."""

MUTABLE_IN_PREDICTOR = frozenset({"minReplicas", "maxReplicas"})


def backend_name(name: str, spec: ModelVersionSpec) -> str:
    """Name of the InferenceService of a ModelVersion: its own name, and a hash of all that is immutable."""
    content = spec.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"rollout"})
    for key in MUTABLE_IN_PREDICTOR:
        content["predictor"].pop(key, None)
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return f"{_slug(name)}-{digest}"


def _slug(name: str) -> str:
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    if not slug[:1].isalpha():
        slug = f"v-{slug}"
    return slug[:_SLUG_LENGTH].rstrip("-")
