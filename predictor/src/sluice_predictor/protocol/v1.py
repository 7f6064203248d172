"""KServe's V1 protocol: `{"instances": ["text" | {"text": "…"}, …]}` to `{"predictions": [{…}, …]}`."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from sluice_predictor.protocol.errors import RequestError
from sluice_predictor.protocol.request import (
    InferenceRequest,
    check_count,
    check_text,
    json_type,
    parse_object,
)
from sluice_predictor.tasks import Prediction


def decode(body: bytes) -> InferenceRequest:
    """Read a request's texts.

    Raises:
        RequestError: 400 or 422, naming the field.
    """
    document = parse_object(body)
    if "instances" not in document:
        raise RequestError(400, 'instances: missing; send {"instances": ["…"]}')
    instances = document["instances"]
    if not isinstance(instances, list):
        raise RequestError(400, f"instances: expected an array, got {json_type(instances)}")
    check_count(len(instances), field="instances")
    return InferenceRequest(texts=[_text(instance, place) for place, instance in enumerate(instances)])


def encode(predictions: Sequence[Prediction]) -> bytes:
    """Write the answer to a request."""
    return orjson.dumps({"predictions": predictions})


def _text(instance: object, place: int) -> str:
    field = f"instances[{place}]"
    if not isinstance(instance, dict):
        return check_text(instance, field=field)
    if unknown := sorted(instance.keys() - {"text"}):
        raise RequestError(400, f"{field}: unknown key {unknown[0][:100]!r}; only 'text' is read")
    if "text" not in instance:
        raise RequestError(400, f"{field}.text: missing")
    return check_text(instance["text"], field=f"{field}.text")
