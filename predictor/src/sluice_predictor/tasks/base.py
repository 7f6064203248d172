"""What every task has in common, free of any library that takes long to import.

These types cross the border between the server's process and the engine's, so they are plain data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

Precision = Literal["fp32", "bf16", "int8"]
"""What a network computes with."""

PrecisionSetting = Literal["auto", "fp32", "bf16", "int8"]
"""What is asked for; `auto` is the fastest that reproduces the version's calibration."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """How a text is to be answered; None leaves it to the version's defaults, and those to the task's.

    `truncation`: cut a text of too many tokens; if false it is refused. `max_tokens`: how many tokens of a text,
    special ones included, the model is shown at most. `top_k`: how many labels to name. `threshold`: the least
    probability that a label of a multi-label task, or an entity, must have to be named.
    """

    truncation: bool | None = None
    max_tokens: int | None = None
    top_k: int | None = None
    threshold: float | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """One text and how to answer it."""

    text: str
    parameters: Parameters = Parameters()


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer for one text.

    `prediction` is ready for JSON and has a key for each output of the task; a list that the parameters did not ask for
    may be left out. `tokens` counts what the model saw of the text, special tokens included. `labels` are the names out
    of the manifest's labels that the answer gives the text, each with its probability: what is counted and published
    of a prediction.
    """

    prediction: Mapping[str, Any]
    tokens: int
    labels: Sequence[tuple[str, float]] = ()


@dataclass(frozen=True, slots=True)
class InputProblem:
    """Why one text cannot be answered as it was asked, in the client's words; its fault, not the server's."""

    message: str
    parameter: str | None = None
    """The request parameter that is wrong, if it is that and not the text."""


@dataclass(frozen=True, slots=True)
class Output:
    """A column of the V2 protocol's answer: the prediction's key `name`, of all texts.

    `width` is None for one value per text (shape [n]) and else the number of values (shape [n, width]). A value of
    datatype BYTES that is not a string travels as JSON.
    """

    name: str
    datatype: Literal["BYTES", "FP32"]
    width: int | None = None


@dataclass(frozen=True, slots=True)
class Description:
    """What the server must know of a loaded version."""

    engine: str
    precision: Precision
    outputs: Sequence[Output]
    parameters: Parameters


class Task(Protocol):
    """A loaded version. Its methods block; `answer` may be called from several threads at once."""

    @property
    def description(self) -> Description:
        """What this version answers, and how it runs."""

    def warm_up(self) -> None:
        """Run forward passes of ordinary sizes, so that the first request meets no cold code."""

    def answer(self, items: Sequence[Item]) -> list[Answer | InputProblem]:
        """Answer a batch of at least one text, in order; any exception means that none was answered."""
