"""The request that every protocol is decoded into, and its limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sluice_predictor.tasks.base import Parameters

MAX_BODY_BYTES = 4 << 20
MAX_INSTANCES = 256
MAX_TEXT_CHARACTERS = 20_000
MAX_ID_CHARACTERS = 128
DEFAULTS = Parameters()


@dataclass(frozen=True, slots=True)
class RequestedOutput:
    """A column that a V2 request asks for; `binary` asks for its raw bytes, None leaves it to the request."""

    name: str
    binary: bool | None = None


@dataclass(frozen=True, slots=True)
class InferenceRequest:
    """The texts to answer and how.

    `field` is where in the request the texts are, for messages about one of them. The others only with V2: `id`, the
    outputs asked for in order, and whether they are to be raw bytes.
    """

    texts: Sequence[str]
    field: str
    parameters: Parameters = DEFAULTS
    id: str | None = None
    outputs: Sequence[RequestedOutput] | None = None
    binary: bool = False
