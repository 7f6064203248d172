"""What a task's file defines: what the model's last states mean, and how they become an answer.

Everything else (verification, tokens, precision, batching) is the same for all tasks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

from sluice_predictor.artifact import Artifact
from sluice_predictor.networks.families import EncoderShape
from sluice_predictor.networks.packed import Rows
from sluice_predictor.networks.weights import Weights
from sluice_predictor.tasks.base import Answer, Output, Parameters
from sluice_predictor.tasks.tokens import Tokens


@dataclass(frozen=True, slots=True)
class Files:
    """A version's files as a task reads them: all verified, none of them trusted.

    `config` is `config.json`, an object. `weights` holds all tensors, and a task takes those of its heads.
    `shape` is None if the encoder is of no family that the packed one knows: transformers' own model then runs, heads
    included.
    """

    artifact: Artifact
    config: Mapping[str, Any]
    weights: Weights
    shape: EncoderShape | None


class Head(Protocol):
    """What comes behind the encoder, in float32."""

    def __call__(self, states: Tensor, lengths: Sequence[int]) -> Sequence[Tensor]:
        """Map last states, [tokens or texts, hidden], to what `decode` reads."""


class Decode(Protocol):
    """The end: numbers to answers."""

    def __call__(self, texts: Sequence[Tokens], scores: Sequence[Tensor]) -> list[Answer]:
        """Answer each text from what the head made of the batch."""


@dataclass(frozen=True, slots=True)
class Definition:
    """A task, defined for one version.

    `rows`: whose states it needs. `defaults`: of the parameters that a request may set; a parameter without a default
    does not exist for this task. `offsets`: whether it needs to know where tokens lie in the text.
    `transformers_class`: the class of the transformers library whose result `head` is given when the architecture is
    not of the packed encoder's family.
    """

    outputs: Sequence[Output]
    defaults: Parameters
    rows: Rows
    head: Head
    decode: Decode
    offsets: bool = False
    transformers_class: str | None = None
