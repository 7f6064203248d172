"""The parts of a Pod that a version may shape, typed so that CEL can compare them.

CEL does not see what `x-kubernetes-preserve-unknown-fields` keeps, so an open object could never be immutable.
"""

import json
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from .base import QUANTITY_PATTERN, ApiModel

_QUANTITY_SCHEMA: dict[str, Any] = {
    "x-kubernetes-int-or-string": True,
    "pattern": QUANTITY_PATTERN,
    "maxLength": 32,
}
Quantity = Annotated[
    str,
    BeforeValidator(str),
    Field(pattern=QUANTITY_PATTERN, max_length=32),
    WithJsonSchema(_QUANTITY_SCHEMA),
]
"""An amount of a resource, such as 500m or 1Gi."""

_OVERLAY_BYTES = 16 << 10


def _bounded(patch: dict[str, Any]) -> dict[str, Any]:
    try:
        size = len(json.dumps(patch))
    except RecursionError:
        raise ValueError("an overlay is not nested that deep") from None
    if size > _OVERLAY_BYTES:
        raise ValueError(f"an overlay has at most {_OVERLAY_BYTES} bytes")
    return patch


Overlay = Annotated[
    dict[str, Any],
    AfterValidator(_bounded),
    WithJsonSchema({"type": "object", "x-kubernetes-preserve-unknown-fields": True}),
]
"""A JSON merge patch (RFC 7396) that may set anything: CEL cannot compare it, so admission keeps it immutable."""

Short = Annotated[str, Field(max_length=253)]


class Resources(ApiModel):
    """What the container asks for and may use at most."""

    requests: Annotated[dict[str, Quantity], Field(max_length=16)] = {}
    """What the scheduler reserves, by resource: cpu, memory, nvidia.com/gpu and so on."""
    limits: Annotated[dict[str, Quantity], Field(max_length=16)] = {}
    """What the container may use at most, by resource."""


class KeyRef(ApiModel):
    """A key of a Secret or ConfigMap in the same namespace."""

    name: Short
    """Name of the object."""
    key: Short
    """Key within the object."""


class ValueFrom(ApiModel):
    """Where the value of an environment variable comes from."""

    secret_key_ref: KeyRef | None = None
    """A key of a Secret."""
    config_map_key_ref: KeyRef | None = None
    """A key of a ConfigMap."""


class EnvVar(ApiModel):
    """An environment variable of the container."""

    name: Annotated[str, Field(min_length=1, max_length=253)]
    """Name of the variable."""
    value: Annotated[str, Field(max_length=4096)] | None = None
    """Its value."""
    value_from: ValueFrom | None = None
    """Where its value comes from, instead of value."""


class Toleration(ApiModel):
    """A taint of nodes that the pods tolerate."""

    key: Short | None = None
    """Key of the taint; every key when left out."""
    operator: Literal["Exists", "Equal"] | None = None
    """How value is compared. Equal when left out."""
    value: Short | None = None
    """Value of the taint."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """Effect of the taint; every effect when left out."""
    toleration_seconds: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    """How long a NoExecute taint is tolerated, in seconds."""
