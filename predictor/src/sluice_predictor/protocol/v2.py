"""KServe's V2 protocol in JSON.

Input `text` BYTES [n]; outputs `label` BYTES [n], `score` FP32 [n] and `entities` BYTES [n], each a JSON array.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

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

INPUT = "text"
OUTPUTS = {"label": "BYTES", "score": "FP32", "entities": "BYTES"}
"""Datatype of each output, in the order in which they are answered."""

_MAX_ID_CHARACTERS = 128


def decode(body: bytes) -> InferenceRequest:
    """Read a request's texts, its id and the outputs it asks for.

    Raises:
        RequestError: 400 or 422, naming the field.
    """
    document = parse_object(body)
    inputs = _objects(document, "inputs")
    if len(inputs) != 1:
        raise RequestError(400, f"inputs: expected exactly one, named {INPUT!r}; got {len(inputs)}")
    request_id = document.get("id")
    if request_id is not None and not (isinstance(request_id, str) and len(request_id) <= _MAX_ID_CHARACTERS):
        raise RequestError(400, f"id: expected a string of at most {_MAX_ID_CHARACTERS} characters")
    return InferenceRequest(texts=_texts(inputs[0]), id=request_id, outputs=_output_names(document))


def encode(
    predictions: Sequence[Prediction], *, request: InferenceRequest, model: str, version: str, request_id: str
) -> bytes:
    """Write the answer to a request; `request_id` is used when the request brought none."""
    data: dict[str, list[str] | list[float]] = {
        "label": [prediction["label"] for prediction in predictions],
        "score": [prediction["score"] for prediction in predictions],
        "entities": [orjson.dumps(prediction["entities"]).decode() for prediction in predictions],
    }
    outputs = [
        {"name": name, "datatype": OUTPUTS[name], "shape": [len(predictions)], "data": data[name]}
        for name in request.outputs or OUTPUTS
    ]
    answer = {"model_name": model, "model_version": version, "id": request.id or request_id, "outputs": outputs}
    return orjson.dumps(answer)


def _objects(document: Mapping[str, Any], field: str) -> list[dict[str, Any]]:
    values = document.get(field)
    if not isinstance(values, list):
        problem = "missing" if values is None else f"expected an array, got {json_type(values)}"
        raise RequestError(400, f"{field}: {problem}")
    for place, value in enumerate(values):
        if not isinstance(value, dict):
            raise RequestError(400, f"{field}[{place}]: expected an object, got {json_type(value)}")
    return values


def _texts(tensor: Mapping[str, Any]) -> list[str]:
    if tensor.get("name") != INPUT:
        raise RequestError(400, f"inputs[0].name: expected {INPUT!r}")
    if tensor.get("datatype") != "BYTES":
        raise RequestError(400, "inputs[0].datatype: expected 'BYTES'")
    data = tensor.get("data")
    if not isinstance(data, list):
        problem = "missing" if data is None else f"expected an array, got {json_type(data)}"
        raise RequestError(400, f"inputs[0].data: {problem}")
    check_count(len(data), field="inputs[0].data")
    shape = tensor.get("shape")
    if shape not in ([len(data)], [len(data), 1]):
        raise RequestError(400, f"inputs[0].shape: expected [{len(data)}], the number of texts in data")
    return [check_text(_unwrap(value, shape), field=f"inputs[0].data[{place}]") for place, value in enumerate(data)]


def _unwrap(value: object, shape: Sequence[int]) -> object:
    """Take the text out of a row of a tensor of shape [n, 1], which may be sent nested or flat."""
    return value[0] if len(shape) == 2 and isinstance(value, list) and len(value) == 1 else value


def _output_names(document: Mapping[str, Any]) -> list[str] | None:
    if document.get("outputs") is None:
        return None
    names = []
    for place, output in enumerate(_objects(document, "outputs")):
        name = output.get("name")
        if not isinstance(name, str) or name not in OUTPUTS:
            raise RequestError(400, f"outputs[{place}].name: expected one of {', '.join(OUTPUTS)}")
        names.append(name)
    return names
