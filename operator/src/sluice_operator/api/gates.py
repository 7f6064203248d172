"""The questions asked about a candidate: what is counted, what share of it may be bad, and what it is compared with.

A gate has one source (metric or query) and asks at least one of two questions. `limit` is an absolute threshold.
`compare` asks whether the candidate is worse than stable at the same time, under the same traffic.
"""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field

from .base import ApiModel, Duration, Name, bounded, rules


class Metric(StrEnum):
    """What a built-in gate counts."""

    ERROR_RATE = "error-rate"
    LATENCY = "latency"
    PREDICTION_DRIFT = "prediction-drift"


class LimitAction(StrEnum):
    """What is done while a limit is crossed."""

    ROLLBACK = "Rollback"
    PAUSE = "Pause"
    ALERT = "Alert"


class When(StrEnum):
    """Where in a rollout a gate is asked."""

    STEP = "Step"
    PROBATION = "Probation"


_Threshold = Annotated[float, Field(allow_inf_nan=False)]
_Window = Annotated[
    Duration,
    bounded("duration(self) >= duration('5s') && duration(self) <= duration('10m')", "must be between 5s and 10m"),
]
_For = Annotated[
    Duration,
    bounded("duration(self) >= duration('1s') && duration(self) <= duration('1h')", "must be between 1s and 1h"),
]


class Limit(ApiModel):
    """An absolute threshold on the share of bad requests, or on the value of a query."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "(has(self.above) ? 1 : 0) + (has(self.atLeast) ? 1 : 0) + (has(self.below) ? 1 : 0) "
                "+ (has(self.atMost) ? 1 : 0) == 1",
                "exactly one of above, atLeast, below and atMost must be given",
            ),
            ("!has(self.checks) || !has(self.for)", "at most one of checks and for may be given"),
        )
    )

    above: _Threshold | None = None
    """Crossed when the value is greater than this. The share of bad requests goes from 0 to 1. For prediction-drift:
    crossed when the index is greater for certain, and passed when it is less for certain."""
    at_least: _Threshold | None = None
    """Crossed when the value is this or greater."""
    below: _Threshold | None = None
    """Crossed when the value is less than this."""
    at_most: _Threshold | None = None
    """Crossed when the value is this or less."""
    window: _Window | None = None
    """How far back requests are counted, at least 5s, at most 10m: 1m where it is not given. A value is taken as it
    is."""
    checks: Annotated[int, Field(ge=1, le=20)] | None = None
    """How many scrapes in a row must be over the limit before it is crossed. 3, where for is not given either."""
    for_: Annotated[_For | None, Field(alias="for")] = None
    """How long every scrape must be over the limit before it is crossed."""
    min_requests: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """With fewer requests than this within the window there is no verdict, and no promotion: 50 where it is not given.
    A value has none."""
    action: LimitAction = LimitAction.ROLLBACK
    """What is done when it is crossed: the version is taken back (Rollback), gets no more traffic while it is (Pause),
    or people are told (Alert)."""

    @property
    def looks_back(self) -> timedelta:
        """How far back requests are counted."""
        return self.window or timedelta(minutes=1)

    @property
    def least_requests(self) -> int:
        """Requests within that time without which there is no verdict."""
        return self.min_requests or 50


class Compare(ApiModel):
    """Whether the candidate is worse than stable at the same time, under the same traffic."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "!has(self.tolerance) || self.tolerance < (has(self.worseBy) ? self.worseBy : 2.0)",
                "tolerance must be less than worseBy",
            )
        )
    )

    tolerance: Annotated[float, Field(ge=1, lt=16)] | None = None
    """Odds ratio of a bad request, candidate to stable, up to which the candidate is no worse. 1.2 for latency,
    otherwise 1."""
    worse_by: Annotated[float, Field(gt=1, le=16)] = 2.0
    """Odds ratio that must be ruled out before the candidate gets all traffic."""
    negligible: Annotated[float, Field(ge=0, lt=1)] = 0.005
    """Share of bad requests (0 to 1) below which the candidate is good whatever stable does. 0: none."""
    min_effect: Annotated[float, Field(ge=1, le=16)] = 1.2
    """Estimated odds ratio below which harm that is proven is told, and takes nothing back."""


_Promql = Annotated[str, Field(min_length=1, max_length=2048)]


class Query(ApiModel):
    """What a gate counts, in PromQL: bad and total, counters whose sums may be compared, or a value.

    {{version}}, {{stable}}, {{model}} and {{namespace}} stand for those of the rollout, within strings. Each query must
    give exactly one series.
    """

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "has(self.bad) == has(self.total) && has(self.bad) != has(self.value)",
                "either bad and total, or value must be given",
            )
        )
    )

    bad: _Promql | None = None
    """Counts bad requests; it only grows, but when what it counts starts anew. With "or vector(0)" at its end it is 0
    while there is nothing to count."""
    total: _Promql | None = None
    """Counts all requests, in the same way."""
    value: _Promql | None = None
    """A number as it is now."""


class Gate(ApiModel):
    """One question about the candidate."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            ("has(self.metric) != has(self.query)", "exactly one of metric and query must be given"),
            (
                "(has(self.metric) && self.metric == 'latency') == has(self.slowerThan)",
                "slowerThan belongs to metric latency, and must be given there",
            ),
            ("has(self.limit) || has(self.compare)", "limit or compare must be given"),
            (
                "!has(self.compare) || !has(self.query) || !has(self.query.value)",
                "a value cannot be compared: give bad and total",
            ),
            (
                "!has(self.limit) || !has(self.query) || !has(self.query.value) || "
                "(!has(self.limit.window) && !has(self.limit.minRequests))",
                "window and minRequests count requests: the limit of a value has neither",
            ),
            (
                "!has(self.limit) || (has(self.query) && has(self.query.value)) || "
                "(has(self.metric) && self.metric == 'prediction-drift') || "
                "[has(self.limit.above) ? self.limit.above : 0.0, has(self.limit.atLeast) ? self.limit.atLeast : 0.5, "
                "has(self.limit.below) ? self.limit.below : 0.5, has(self.limit.atMost) ? self.limit.atMost : 0.0]"
                ".all(x, x >= 0.0 && x < 1.0)",
                "the limit of a share of requests must be at least 0 and less than 1",
            ),
            (
                "!has(self.metric) || self.metric != 'prediction-drift' || (!has(self.compare) && has(self.limit) && "
                "has(self.limit.above) && self.limit.above > 0.0 && !has(self.limit.window) && "
                "!has(self.limit.minRequests) && !has(self.limit.checks) && !has(self.limit.for))",
                "prediction-drift takes limit.above, greater than 0, limit.action, and nothing else",
            ),
        )
    )

    name: Name
    """Name of the gate, as it appears in status, events and metrics."""
    metric: Metric | None = None
    """What is counted: error-rate (answers with a 5xx code), latency (answers slower than slowerThan), or
    prediction-drift: how far the classes that are predicted have moved from stable's at the same time, as a population
    stability index, of which 0.1 is commonly called moderate and 0.25 great."""
    query: Query | None = None
    """What is counted, in words of one's own. The installation must allow it."""
    slower_than: Duration | None = None
    """For latency: requests slower than this are bad. Must be an edge of the histogram of who counts."""
    at: Annotated[
        list[When], Field(min_length=1, max_length=2, json_schema_extra={"x-kubernetes-list-type": "set"})
    ] = [When.STEP, When.PROBATION]
    """Where it is asked: in the steps, in probation, or both."""
    limit: Limit | None = None
    """The threshold that makes the candidate fail."""
    compare: Compare | None = None
    """The comparison with stable that makes the candidate fail, and that must clear it before it gets more traffic."""

    @property
    def counts_requests(self) -> bool:
        """Whether its limit is one of a share of requests, and not of another number."""
        of_value = self.query is not None and self.query.value is not None
        return not of_value and self.metric is not Metric.PREDICTION_DRIFT
