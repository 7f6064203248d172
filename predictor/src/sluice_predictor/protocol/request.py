"""What both protocols share: the request they are decoded into, its limits, and the checks of JSON and texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from sluice_predictor.protocol.errors import RequestError

MAX_BODY_BYTES = 4 << 20
MAX_INSTANCES = 256
MAX_TEXT_CHARACTERS = 20_000


@dataclass(frozen=True, slots=True)
class InferenceRequest:
    """The texts to answer; `id` and `outputs` (names asked for, in order) only with V2."""

    texts: Sequence[str]
    id: str | None = None
    outputs: Sequence[str] | None = None


def check_content_type(value: str) -> None:
    """Accept JSON, or nothing said.

    Raises:
        RequestError: 415.
    """
    media_type = value.partition(";")[0].strip().lower()
    if media_type not in ("", "application/json"):
        raise RequestError(415, f"content-type: expected application/json, got {media_type[:100]}")


def parse_object(body: bytes) -> Mapping[str, Any]:
    """Parse a JSON object.

    Raises:
        RequestError: 400.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RequestError(400, f"the body is not valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise RequestError(400, f"the body must be a JSON object, not {json_type(value)}")
    return value


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


def check_count(count: int, *, field: str) -> None:
    """Check the number of texts in a request.

    Raises:
        RequestError: 400 for none, 422 for too many.
    """
    if count == 0:
        raise RequestError(400, f"{field}: expected at least one text")
    if count > MAX_INSTANCES:
        raise RequestError(422, f"{field}: {count} texts; at most {MAX_INSTANCES} are taken in one request")


def check_text(value: object, *, field: str) -> str:
    """Check one text.

    Raises:
        RequestError: 400 for another type, 422 for a text that is too long.
    """
    if not isinstance(value, str):
        raise RequestError(400, f"{field}: expected a string, got {json_type(value)}")
    if len(value) > MAX_TEXT_CHARACTERS:
        raise RequestError(422, f"{field}: {len(value)} characters; at most {MAX_TEXT_CHARACTERS} are taken")
    return value
