"""The checks of JSON, texts and parameters that the protocols share; each refuses with the field's name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from sluice_predictor.protocol.errors import RequestError, invalid
from sluice_predictor.protocol.request import MAX_ID_CHARACTERS, MAX_INSTANCES, MAX_TEXT_CHARACTERS
from sluice_predictor.tasks.base import Parameters

PARAMETERS = ("truncation", "max_tokens", "top_k", "threshold")

_SMALL_BODY_BYTES = 64 << 10
_MAX_MARKS = 250_000
_MAX_COUNT = 1_000_000


def parse_object(body: bytes | bytearray) -> Mapping[str, Any]:
    """Parse a JSON object.

    Raises:
        RequestError: 400, also for a document of so many values that they would fill the memory.
    """
    if len(body) > _SMALL_BODY_BYTES:
        _check_marks(body)
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RequestError(400, "invalid_json", f"the body is not valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise RequestError(400, "invalid_json", f"the body must be a JSON object, not {json_type(value)}")
    return value


def _check_marks(body: bytes | bytearray) -> None:
    # An empty array takes three bytes of JSON and seventy of memory.
    if sum(map(body.count, (b",", b"[", b"{"))) > _MAX_MARKS:
        raise RequestError(400, "too_complex", f"the body has more than {_MAX_MARKS} commas and brackets")


def json_type(value: object) -> str:
    """Name a value's JSON type for an error message."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "an array"
        case _:
            return "an object"


def check_array(document: Mapping[str, Any], key: str, *, field: str) -> list[Any]:
    """Return the array that a document must have under `key`.

    Raises:
        RequestError: 400.
    """
    value = document.get(key)
    if isinstance(value, list):
        return value
    raise invalid(field, f"expected an array, got {json_type(value)}" if key in document else "missing")


def check_count(count: int, *, field: str) -> None:
    """Check the number of texts in a request.

    Raises:
        RequestError: 400 for none, 422 for too many.
    """
    if count == 0:
        raise invalid(field, "expected at least one text")
    if count > MAX_INSTANCES:
        problem = f"{count} texts; at most {MAX_INSTANCES} are taken in one request"
        raise invalid(field, problem, status=422, code="too_many_texts")


def check_text(value: object, *, field: str) -> str:
    """Check one text.

    Raises:
        RequestError: 400 for another type, 422 for a text that is too long.
    """
    if not isinstance(value, str):
        raise invalid(field, f"expected a string, got {json_type(value)}")
    if len(value) > MAX_TEXT_CHARACTERS:
        problem = f"{len(value)} characters; at most {MAX_TEXT_CHARACTERS} are taken"
        raise invalid(field, problem, status=422, code="text_too_long")
    return value


def check_id(value: object) -> str | None:
    """Check a V2 request's id.

    Raises:
        RequestError: 400.
    """
    if value is None or (isinstance(value, str) and len(value) <= MAX_ID_CHARACTERS):
        return value or None
    raise invalid("id", f"expected a string of at most {MAX_ID_CHARACTERS} characters")


def check_shape(shape: object, *, count: int, field: str) -> Sequence[int]:
    """Check that a shape is that of a column of `count` texts: [count] or [count, 1].

    Raises:
        RequestError: 400.
    """
    if shape in ([count], [count, 1]) and isinstance(shape, list) and all(type(size) is int for size in shape):
        return shape
    raise invalid(field, f"expected [{count}], the number of texts in the tensor")


def read_parameters(values: Mapping[str, Any]) -> Parameters:
    """Read the request's parameters; keys that are none of ours are passed over, null is as good as nothing.

    Raises:
        RequestError: 400 for a wrong type, 422 for a value out of its range.
    """
    return Parameters(
        truncation=_flag(values, "truncation"),
        max_tokens=_positive(values, "max_tokens"),
        top_k=_positive(values, "top_k"),
        threshold=_probability(values, "threshold"),
    )


def _flag(values: Mapping[str, Any], name: str) -> bool | None:
    value = values.get(name)
    if value is None or isinstance(value, bool):
        return value
    raise _wrong_type(name, "a boolean", value)


def _positive(values: Mapping[str, Any], name: str) -> int | None:
    value = values.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong_type(name, "an integer", value)
    if not 1 <= value <= _MAX_COUNT:
        raise _out_of_range(name, f"expected 1 to {_MAX_COUNT}")
    return value


def _probability(values: Mapping[str, Any], name: str) -> float | None:
    value = values.get(name)
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise _wrong_type(name, "a number", value)
    if not 0 <= value <= 1:
        raise _out_of_range(name, "expected 0 to 1")
    return float(value)


def _wrong_type(name: str, expected: str, value: object) -> RequestError:
    return invalid(f"parameters.{name}", f"expected {expected}, got {json_type(value)}", code="invalid_parameter")


def _out_of_range(name: str, problem: str) -> RequestError:
    return invalid(f"parameters.{name}", problem, status=422, code="invalid_parameter")
