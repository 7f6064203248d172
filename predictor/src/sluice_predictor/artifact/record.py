"""What is known of how a version came about and what it is worth: lineage, reference, evaluations, training.

The predictor serves without any of it. Who compares two versions, or what a version is asked today with what it was
trained on, needs counts rather than averages: counts of different days and data sets can be added.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, model_validator

from sluice_predictor.artifact.fields import Count, Digest, Key, Number, Strict, Text

Feature = Literal["characters", "tokens"]
"""What is counted of an input: its length in characters, and in tokens as the model saw them."""


class Lineage(Strict):
    """Where the version came from. Texts are hashes, commits or URIs."""

    parent: Digest | None = None
    """The digest of the version that this one was derived from."""
    dataset: Text | None = None
    features: Text | None = None
    """What turned data into inputs, such as the tokenizer."""
    parameters: Text | None = None
    """What the training was told: hyperparameters."""
    code: Text | None = None
    run: Text | None = None
    metrics: Annotated[dict[Key, Number], Field(max_length=64)] = {}


class Histogram(Strict):
    """Counts of values by bin: bin i holds what is greater than edge i-1 and at most edge i; the last has no end."""

    edges: Annotated[list[Number], Field(min_length=1, max_length=64)]
    counts: Annotated[list[Count], Field(min_length=2, max_length=65)]

    @model_validator(mode="after")
    def _fits(self) -> Histogram:
        if any(low >= high for low, high in pairwise(self.edges)):
            raise ValueError("edges must rise")
        if len(self.counts) != len(self.edges) + 1:
            raise ValueError(f"{len(self.edges)} edges make {len(self.edges) + 1} bins, not {len(self.counts)}")
        return self

    def bin(self, value: float) -> int:
        """Return the place in `counts` of the bin that a value falls into."""
        return bisect_left(self.edges, value)


class Reference(Strict):
    """What the version was asked and answered on its training data, to compare with what it meets in service."""

    samples: Count
    inputs: Annotated[dict[Feature, Histogram], Field(max_length=2)] = {}
    scores: Histogram | None = None
    """Of the probability of each answered label."""
    labels: Annotated[dict[Key, Count], Field(max_length=1000)] = {}
    """How often each label was the answer."""


class Counts(Strict):
    """How one label or entity type was answered; true negatives, where there are any, are the rest of the samples."""

    true_positive: Annotated[Count, Field(alias="truePositive")]
    false_positive: Annotated[Count, Field(alias="falsePositive")]
    false_negative: Annotated[Count, Field(alias="falseNegative")]


class Slice(Strict):
    """The answers on one part of a data set.

    `confusion` counts samples by their right label, then by the answered one; only where one label is right. `counts`
    counts each label or entity type for itself. `unanswered` samples, on which the model failed, are in `samples` and
    not in `confusion`.
    """

    samples: Count
    unanswered: Count = 0
    confusion: Annotated[dict[Key, Annotated[dict[Key, Count], Field(max_length=1000)]], Field(max_length=1000)] = {}
    counts: Annotated[dict[Key, Counts], Field(max_length=1000)] = {}

    @model_validator(mode="after")
    def _adds_up(self) -> Slice:
        answered = sum(sum(row.values()) for row in self.confusion.values())
        if self.confusion and answered + self.unanswered != self.samples:
            raise ValueError(f"{answered} in confusion and {self.unanswered} unanswered are not {self.samples} samples")
        return self

    @property
    def accuracy(self) -> float | None:
        """The share of samples with the right label; None where there is no confusion to tell."""
        if not self.confusion or not self.samples:
            return None
        return sum(row.get(label, 0) for label, row in self.confusion.items()) / self.samples


class Evaluation(Strict):
    """The answers on one data set, as a whole (slice `all`) and by parts of it."""

    dataset: Digest
    """The SHA-256 of the data set, however its makers serialise it."""
    name: Key
    slices: Annotated[dict[Key, Slice], Field(min_length=1, max_length=256)]

    @model_validator(mode="after")
    def _has_all(self) -> Evaluation:
        if "all" not in self.slices:
            raise ValueError("slices must have the slice all")
        return self


class Training(Strict):
    """How the weights were made."""

    environment: Annotated[dict[Key, Text], Field(max_length=64)] = {}
    """The machine: its system, processor, interpreter."""
    dependencies: Annotated[dict[Key, Text], Field(max_length=1000)] = {}
    """Libraries and their versions."""
    commit: Text | None = None
    duration: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    """Seconds."""
    samples: Count | None = None
    seed: Annotated[int, Field(ge=0, le=(1 << 53) - 1)] | None = None
