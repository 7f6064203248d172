"""Reading bodies that may say more, less or something else than expected.

Types and bodies of records are open, and records live longer than the code that wrote them: what is missing, or is of
another kind, reads as nothing, and never raises.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

_NOTHING: Mapping[str, Any] = {}


def text(body: Mapping[str, Any], name: str) -> str:
    """A text; empty where there is none."""
    value = body.get(name)
    return value if isinstance(value, str) else ""


def number(body: Mapping[str, Any], name: str) -> float | None:
    """A finite number."""
    value = body.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 1e300 and math.isfinite(value) else None


def whole(body: Mapping[str, Any], name: str) -> int | None:
    """A whole number that is not negative: a count, a step, a percentage."""
    value = number(body, name)
    return int(value) if value is not None and value >= 0 and value == int(value) else None


def mapping(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """An object; an empty one where there is none."""
    value = body.get(name)
    return value if isinstance(value, Mapping) else _NOTHING


def several(body: Mapping[str, Any], name: str) -> Sequence[Mapping[str, Any]]:
    """The objects of a list."""
    value = body.get(name)
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list | tuple) else ()


def numbers(body: Mapping[str, Any], name: str) -> Mapping[str, float]:
    """The numbers of an object, by name."""
    inner = mapping(body, name)
    return {key: value for key in inner if (value := number(inner, key)) is not None}


def moment(value: object) -> datetime | None:
    """A moment in UTC, from RFC 3339; a time without a zone is UTC."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except (OverflowError, ValueError):
        return None
