"""How the candidate is watched while it has traffic: what people write, and what is in force."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from .base import ApiModel, Duration, bounded
from .gates import Gate


class CountedBy(StrEnum):
    """Who counts the requests that are evidence."""

    AUTO = "Auto"
    GATEWAY = "Gateway"
    PREDICTOR = "Predictor"


_Interval = Annotated[
    Duration,
    bounded("duration(self) >= duration('1s') && duration(self) <= duration('5m')", "must be between 1s and 5m"),
]
_Warmup = Annotated[Duration, bounded("duration(self) <= duration('10m')", "must be at most 10m")]
_Chance = Annotated[float, Field(ge=0.0001, le=0.5)]
_Gates = Annotated[
    list[Gate],
    Field(
        min_length=1,
        max_length=8,
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    ),
]


class AnalysisSettings(ApiModel):
    """How the candidate is watched while it has traffic."""

    interval: _Interval | None = None
    """Least length of the spans in which candidate and stable are compared. They are longer where scrapes are further
    apart, and, up to a minute, where fewer than 20 requests would come within one."""
    warmup: _Warmup | None = None
    """How long each new pod's requests are left out of comparisons."""
    source: CountedBy | None = None
    """Who counts requests: the Gateway, which also sees those that no pod answers, the Predictor, or (Auto) for
    errors the Gateway where the installation says which one it has and it counts the version, for latency the Predictor
    where it has the edge."""
    alpha: _Chance | None = None
    """Chance that comparisons take back a version that is no worse than stable, over the whole attempt."""
    beta: _Chance | None = None
    """Chance that a comparison clears a version that is worse by worseBy."""
    gates: _Gates | None = None
    """The questions asked about the candidate. All must pass before traffic grows."""


class Analysis(ApiModel):
    """How the candidate is watched while it has traffic."""

    interval: _Interval = timedelta(seconds=5)
    """Least length of the spans in which candidate and stable are compared. They are longer where scrapes are further
    apart, and, up to a minute, where fewer than 20 requests would come within one."""
    warmup: _Warmup = timedelta(seconds=30)
    """How long each new pod's requests are left out of comparisons."""
    source: CountedBy = CountedBy.AUTO
    """Who counts requests."""
    alpha: _Chance = 0.05
    """Chance that comparisons take back a version that is no worse than stable, over the whole attempt."""
    beta: _Chance = 0.05
    """Chance that a comparison clears a version that is worse by worseBy."""
    gates: _Gates
    """The questions asked about the candidate. All must pass before traffic grows."""
