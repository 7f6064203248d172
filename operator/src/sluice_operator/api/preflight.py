"""What is asked of a version alone, before it gets any traffic.

`PreflightSettings` is what people write, `Preflight` what is in force. Bodies and expectations are open objects, which
the API server cannot bound: what is too large or nested too deep is refused here.
"""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, Field, WithJsonSchema

from .base import ApiModel, Duration, bounded

DEEPEST = 16
_BYTES = 8 << 10

PreflightTimeout = Annotated[
    Duration,
    bounded("duration(self) >= duration('1s') && duration(self) <= duration('1h')", "must be between 1s and 1h"),
]


def _bounded(document: dict[str, Any]) -> dict[str, Any]:
    layer: list[Any] = [document]
    for _ in range(DEEPEST):
        layer = [child for value in layer for child in _children(value)]
    if layer:
        raise ValueError(f"is nested deeper than {DEEPEST} levels")
    if len(json.dumps(document, ensure_ascii=False).encode(errors="surrogatepass")) > _BYTES:
        raise ValueError(f"has more than {_BYTES} bytes")
    return document


def _children(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _asks(body: dict[str, Any]) -> dict[str, Any]:
    if ("instances" in body) == ("inputs" in body):
        raise ValueError("must have either instances (protocol V1) or inputs (V2)")
    return body


_OPEN: dict[str, Any] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_EITHER = {"oneOf": [{"required": ["instances"]}, {"required": ["inputs"]}]}
Body = Annotated[dict[str, Any], AfterValidator(_bounded), AfterValidator(_asks), WithJsonSchema(_OPEN | _EITHER)]
"""A request as it is sent."""
Expectation = Annotated[
    dict[str, Any],
    AfterValidator(_bounded),
    Field(min_length=1),
    WithJsonSchema(_OPEN | {"minProperties": 1}),
]
"""A part of an answer."""


class PreflightRequest(ApiModel):
    """A request, and what its answer must say."""

    body: Body
    """The request as a client would send it: with instances by protocol V1, with inputs by V2. At most 8 KiB."""
    expect: Expectation
    """What the answer must say, and may say more: each key named here with its value, lists element by element, numbers
    with a fraction within a thousandth. At most 8 KiB."""


Requests = Annotated[
    list[PreflightRequest], Field(max_length=10, json_schema_extra={"x-kubernetes-list-type": "atomic"})
]


class PreflightSettings(ApiModel):
    """What each pod of the version is asked before the version gets any traffic."""

    artifact: bool | None = None
    """Whether it must answer the inputs that it was calibrated with as it did then. Runtimes that tell none are not
    asked."""
    requests: Requests | None = None
    """What else it is asked, in order."""
    timeout: PreflightTimeout | None = None
    """How long that may take before the version is taken back. At least 1s, at most 1h."""


class Preflight(ApiModel):
    """What each pod of the version is asked before the version gets any traffic."""

    artifact: bool = True
    """Whether it must answer the inputs that it was calibrated with as it did then."""
    requests: Requests = []
    """What else it is asked, in order."""
    timeout: PreflightTimeout = timedelta(minutes=2)
    """How long that may take before the version is taken back."""

    @property
    def asks(self) -> bool:
        """Whether there is anything to ask."""
        return self.artifact or bool(self.requests)
