"""What a comparison says, and what it must not forget: the parts of a status that comparisons write."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from .base import ApiModel

_Number = Annotated[float, Field(allow_inf_nan=False)]
_Count = Annotated[int, Field(ge=0)]
_Many = Annotated[int, Field(ge=0, le=10**15)]


class ComparisonStatus(ApiModel):
    """What a gate's comparison with stable says, since the attempt began."""

    answer: Literal["Worse", "Clear", "Unknown"]
    """Worse: it is taken back. Clear: it may have more traffic. Unknown: more requests are needed."""
    ratio: _Number | None = None
    """Estimated odds ratio of a bad request, candidate to stable; none before anything tells them apart."""
    low: _Number = 0.0
    """Least odds ratio that is possible, with a probability of 1 - alpha at all times at once; 0: no bound."""
    high: _Number | None = None
    """Greatest one; none: no bound."""
    bad: _Count = 0
    """Bad requests to the candidate."""
    requests: _Count = 0
    """Requests to the candidate."""
    stable_bad: _Count = 0
    """Bad requests to stable in the same spans of time."""
    stable_requests: _Count = 0
    """Requests to stable in the same spans of time."""
    requests_needed: _Count | None = None
    """Requests to the candidate that are still needed to clear it, if it is as good as stable; none where they never
    will, or it is clear."""
    seconds_needed: _Count | None = None
    """How long that takes at the rate of this step; none where that is not known."""


class DriftStatus(ApiModel):
    """How far predictions have moved from stable's in the present step, when it was looked last."""

    low: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    """Least population stability index that is possible, with what the gate may err shared over all looks."""
    high: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    """Greatest one."""
    predictions: _Count
    """The candidate's predictions."""
    stable_predictions: _Count
    """Stable's in the same time."""


class GateEvidence(ApiModel):
    """What one comparison has seen; see docs/verdicts.md."""

    name: Annotated[str, Field(max_length=40)]
    """The gate."""
    tolerance: _Number
    """As the gate had it when the attempt began."""
    worse_by: _Number
    """As the gate had it when the attempt began."""
    negligible: _Number
    """As the gate had it when the attempt began."""
    dispersion: _Number
    """Variance of bad requests over that of independent ones, measured among stable's pods before the attempt."""
    starts: _Count
    """How many times the test for harm begins: once a step."""
    started: _Count
    """How many times it has begun."""
    likelihood: Annotated[str, Field(max_length=512)]
    """Log likelihood ratios of 75 odds ratios, 4-byte floats in base64."""
    wealth: Annotated[str, Field(max_length=512)]
    """Log wealth of the bets on them, in the same form."""
    counts: Annotated[list[_Count], Field(min_length=4, max_length=4)]
    """Requests to the candidate, bad ones, requests to stable, bad ones."""
    excess: Annotated[list[_Number], Field(min_length=2, max_length=2)]
    """Weighted difference of the shares of bad requests, and its weight."""
    through: _Number | None = None
    """End of the last span that was counted, in Unix seconds."""


class MismatchStatus(ApiModel):
    """That requests do not divide as the route says."""

    share: Annotated[float, Field(ge=0, le=1)]
    """The candidate's part of the requests, when that was shown."""
    weight: Annotated[float, Field(gt=0, lt=1)]
    """Its part by the route."""


class SplitEvidence(ApiModel):
    """How requests divided between candidate and stable in the present step."""

    since: datetime
    """The beginning of the step."""
    candidate: _Many = 0
    """Requests to the candidate."""
    stable: _Many = 0
    """Requests to stable in the same spans of time."""
    spans: _Many = 0
    """Spans in which there were any."""
    squares: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """Sum over the spans of the candidate's requests, squared, over all requests."""


class Evidence(ApiModel):
    """What the comparisons of an attempt have seen, up to a moment."""

    began_at: datetime
    """The beginning of the step in which it was written."""
    span: Annotated[float, Field(gt=0, le=3600)]
    """Length of the spans that are compared, in seconds; the same throughout the attempt."""
    gates: Annotated[
        list[GateEvidence],
        Field(
            max_length=8,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
        ),
    ]
    """What each gate that compares has seen."""
    split: SplitEvidence | None = None
    """How requests divided in the present step."""
    mismatch: MismatchStatus | None = None
    """That requests did not divide as the route said, in this attempt: nothing is concluded from its comparisons."""
