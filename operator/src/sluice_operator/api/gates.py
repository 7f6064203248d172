"""The questions asked about a candidate: what is counted, and what share of it may be bad."""

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
