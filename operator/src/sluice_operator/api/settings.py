"""How a version is rolled out: the settings a version may give and the ones in force.

`RolloutSettings` is what people write; every field may be left out. `EffectiveRollout` is the merged result,
complete, frozen when an attempt starts. Fields without a built-in meaning yet are not offered.
"""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field

from .base import ApiModel, Duration, Name, rules


class Metric(StrEnum):
    """What a built-in gate counts."""

    ERROR_RATE = "error-rate"
    LATENCY = "latency"


class Limit(ApiModel):
    """An absolute threshold on the share of bad requests."""

    above: Annotated[float, Field(ge=0, lt=1)]
    """The candidate fails when the share of its bad requests within the window is greater than this (0 to 1)."""
    window: Annotated[
        Duration,
        Field(
            json_schema_extra=rules(
                (
                    "duration(self) >= duration('5s') && duration(self) <= duration('10m')",
                    "must be between 5s and 10m",
                )
            )
        ),
    ] = timedelta(minutes=1)
    """How far back requests are counted. At least 5s, at most 10m."""
    checks: Annotated[int, Field(ge=1, le=20)] = 3
    """How many scrapes in a row must be over the limit before the candidate fails."""
    min_requests: Annotated[int, Field(ge=1, le=1_000_000)] = 50
    """With fewer requests than this within the window there is no verdict, and no promotion."""


class Gate(ApiModel):
    """One question about the candidate."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "(self.metric == 'latency') == has(self.slowerThan)",
                "slowerThan belongs to metric latency, and must be given there",
            )
        )
    )

    name: Name
    """Name of the gate, as it appears in status, events and metrics."""
    metric: Metric
    """What is counted: error-rate (answers with a 5xx code) or latency (answers slower than slowerThan)."""
    slower_than: Duration | None = None
    """For latency: requests slower than this are bad. Must be an edge of the predictor's histogram."""
    limit: Limit
    """The threshold that makes the candidate fail."""


class Analysis(ApiModel):
    """How the candidate is watched while it has traffic."""

    gates: Annotated[
        list[Gate],
        Field(
            min_length=1,
            max_length=8,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
        ),
    ]
    """The questions asked about the candidate. All must pass before traffic grows."""


class Step(ApiModel):
    """A share of the traffic, and how long the candidate must hold it."""

    weight: Annotated[int, Field(ge=1, le=99)]
    """Percent of the requests that go to the candidate."""
    hold: Duration
    """How long this weight is held at least."""


class Probation(ApiModel):
    """The time after the last step: the candidate has all traffic and stable is still warm."""

    duration: Duration
    """How long the candidate must hold all traffic before it becomes stable."""


Steps = Annotated[
    list[Step],
    Field(
        min_length=1,
        max_length=20,
        json_schema_extra={
            "x-kubernetes-list-type": "atomic",
            **rules(
                (
                    "self.map(s, s.weight).isSorted() && self.all(s, self.exists_one(t, t.weight == s.weight))",
                    "weights must grow from step to step",
                )
            ),
        },
    ),
]


class RolloutSettings(ApiModel):
    """How this version is rolled out. What is left out comes from the installation's defaults."""

    steps: Steps | None = None
    """Traffic shares the candidate goes through, in order, before it gets all traffic."""
    probation: Probation | None = None
    """How long the candidate holds all traffic before it becomes stable."""
    ready_timeout: Duration | None = None
    """How long the version may take to become ready before it is given up."""
    analysis: Analysis | None = None
    """How the candidate is judged."""


class EffectiveRollout(ApiModel):
    """The settings in force for an attempt: the installation's defaults under what the version gave."""

    steps: Steps
    """Traffic shares the candidate goes through, in order."""
    probation: Probation
    """How long the candidate holds all traffic before it becomes stable."""
    ready_timeout: Duration
    """How long the version may take to become ready before it is given up."""
    analysis: Analysis
    """How the candidate is judged."""
