"""KServe's V1 protocol: `{"instances": ["text" | {"text": "…"}, …]}` to `{"predictions": [{…}, …]}`.

`parameters` beside `instances` says how to answer; other keys are passed over, as KServe does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from sluice_predictor.protocol.checks import (
    PARAMETERS,
    check_count,
    check_text,
    json_type,
    parse_object,
    read_parameters,
)
from sluice_predictor.protocol.errors import invalid
from sluice_predictor.protocol.request import DEFAULTS, InferenceRequest
from sluice_predictor.tasks.base import Answer, Parameters

_FIELD = "instances"


def decode(body: bytes | bytearray) -> InferenceRequest:
    """Read a request's texts and parameters.

    Raises:
        RequestError: 400 or 422, naming the field.
    """
    document = parse_object(body)
    if _FIELD not in document:
        raise invalid(_FIELD, 'missing; send {"instances": ["…"]}')
    instances = document[_FIELD]
    if not isinstance(instances, list):
        raise invalid(_FIELD, f"expected an array, got {json_type(instances)}")
    check_count(len(instances), field=_FIELD)
    texts = [_text(instance, place) for place, instance in enumerate(instances)]
    values = document.get("parameters")
    parameters = DEFAULTS if values is None else _parameters(values)
    return InferenceRequest(texts=texts, field=_FIELD, parameters=parameters)


def encode(answers: Sequence[Answer]) -> bytes:
    """Write the answer to a request."""
    return orjson.dumps({"predictions": [answer.prediction for answer in answers]})


def _text(instance: object, place: int) -> str:
    if not isinstance(instance, dict):
        return check_text(instance, field=f"{_FIELD}[{place}]")
    field = f"{_FIELD}[{place}]"
    if unknown := sorted(instance.keys() - {"text"}):
        raise invalid(field, f"unknown key {unknown[0][:100]!r}; only 'text' is read")
    if "text" not in instance:
        raise invalid(f"{field}.text", "missing")
    return check_text(instance["text"], field=f"{field}.text")


def _parameters(values: object) -> Parameters:
    if not isinstance(values, Mapping):
        raise invalid("parameters", f"expected an object, got {json_type(values)}", code="invalid_parameter")
    if unknown := sorted(values.keys() - set(PARAMETERS)):
        problem = f"unknown; there are {', '.join(PARAMETERS)}"
        raise invalid(f"parameters.{unknown[0][:100]}", problem, code="invalid_parameter")
    named: Mapping[str, Any] = values
    return read_parameters(named)
