"""What every kind is built from: the base model and the scalar types of our API.

Live objects are read leniently (unknown keys are ignored: the CRD may be newer than the operator while an
upgrade runs) and validated strictly by the API server, whose schema is generated from these models.
"""

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema
from pydantic.alias_generators import to_camel

GROUP = "sluice.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

DURATION_PATTERN = r"^([0-9]{1,4}h)?([0-9]{1,4}m)?([0-9]{1,5}s)?([0-9]{1,5}ms)?$"
QUANTITY_PATTERN = r"^[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi|T|Ti)?$"
_DURATION = re.compile(r"(?:([0-9]{1,4})h)?(?:([0-9]{1,4})m)?(?:([0-9]{1,5})s)?(?:([0-9]{1,5})ms)?")
_UNITS = (("h", 3_600_000, 9999), ("m", 60_000, 9999), ("s", 1000, 99_999), ("ms", 1, 99_999))
"""Unit, milliseconds, and as many of them as may be written."""


def parse_duration(value: object) -> timedelta:
    """Read a Go-style duration such as ``1h30m``, ``45s`` or ``250ms``.

    Raises:
        ValueError: when the text is not a duration, or is empty.
    """
    if isinstance(value, timedelta):
        return value
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None or not any(match.groups()):
        raise ValueError(f"{value!r} is not a duration such as 30s, 5m or 250ms")
    hours, minutes, seconds, millis = (int(part or 0) for part in match.groups())
    return timedelta(hours=hours, minutes=minutes, seconds=seconds, milliseconds=millis)


def format_duration(value: timedelta) -> str:
    """Write a duration the way people type it: the inverse of `parse_duration`."""
    millis = round(value.total_seconds() * 1000)
    parts = []
    for unit, size, most in _UNITS:
        count = min(millis // size, most)
        millis -= count * size
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def format_roughly(seconds: float) -> str:
    """A time that is an expectation, in the unit that people would use: ``50 s``, ``4 min``, ``2.5 h``, ``3 days``."""
    for unit, size, most in (("s", 1, 90), ("min", 60, 90 * 60), ("h", 3600, 48 * 3600)):
        if seconds < most:
            return f"{seconds / size:.2g} {unit}"
    return f"{seconds / 86400:,.0f} days"


_DURATION_SCHEMA = {"type": "string", "pattern": DURATION_PATTERN, "minLength": 2, "maxLength": 24}

Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema(_DURATION_SCHEMA),
]
"""A length of time in Go's spelling: ``30s``, ``5m``, ``1h30m``, ``250ms``."""

Name = Annotated[str, Field(pattern=r"^[a-z]([-a-z0-9]*[a-z0-9])?$", max_length=40)]
"""A DNS-1035 label: lower-case letters, digits and dashes, starting with a letter."""

LabelValue = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$", max_length=63)]
"""What Kubernetes takes as the value of a label."""


class ApiModel(BaseModel):
    """Base of every type in our API: camelCase on the wire, immutable in memory."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        frozen=True,
        extra="ignore",
        use_attribute_docstrings=True,
    )


def rules(*pairs: tuple[str, str]) -> dict[str, Any]:
    """CEL rules for a field or an object, as (rule, message) pairs."""
    return {"x-kubernetes-validations": [{"rule": rule, "message": message} for rule, message in pairs]}


def bounded(rule: str, message: str) -> WithJsonSchema:
    """A CEL rule for a Duration, to annotate it with. A field's own extras get lost where the field is optional."""
    return WithJsonSchema({**_DURATION_SCHEMA, **rules((rule, message))})
