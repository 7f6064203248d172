"""What every task has in common, free of any library that takes long to import."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypedDict


class Entity(TypedDict):
    """A span of the text; `start` and `end` count characters of the text, `end` is exclusive."""

    type: str
    text: str
    start: int
    end: int
    score: float


class Prediction(TypedDict):
    """The answer for one text; scores are probabilities."""

    label: str
    score: float
    entities: list[Entity]


@dataclass(frozen=True, slots=True)
class Answer:
    """A prediction and the number of tokens, special ones included, that the model saw of the text."""

    prediction: Prediction
    tokens: int


class Task(Protocol):
    """A loaded version. Its methods block and are called from one thread."""

    @property
    def engine(self) -> str:
        """Name of what runs the forward pass."""

    @property
    def precision(self) -> str:
        """Number format of the forward pass, such as `fp32`."""

    def warm_up(self) -> None:
        """Run one forward pass of ordinary size, so that the first request meets no cold code."""

    def answer(self, texts: Sequence[str]) -> list[Answer]:
        """Answer a batch of at least one text, in order; any exception means that none was answered."""
