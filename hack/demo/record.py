"""What the demo writes down while it watches: plain facts with the second at which they were seen.

Every `at` is wall-clock time in seconds since the epoch, so that facts of this process and samples of
Prometheus share one axis.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Answer:
    """One request of the client and what became of it.

    Attributes:
        sent_at: When the request was sent.
        latency: Seconds from sending to the last byte of the answer, or to giving up.
        status: HTTP status; 0 when no answer came.
        version: The model version whose request it was; None when nothing says so.
        error: What went wrong in one line; empty when nothing did.
        by_gateway: Whether the gateway answered in the version's place.
    """

    sent_at: float
    latency: float
    status: int
    version: str | None
    error: str = ""
    by_gateway: bool = False

    @property
    def ok(self) -> bool:
        return self.status == 200

    @property
    def answered_at(self) -> float:
        return self.sent_at + self.latency


@dataclass(frozen=True, slots=True)
class RouteState:
    """The weights in force in the model's route, in percent, by InferenceService; empty when there is no route."""

    at: float
    weights: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class VersionState:
    """What a ModelVersion said of itself at one moment."""

    at: float
    version: str
    name: str
    phase: str = ""
    weight: int = 0
    step: int | None = None
    message: str = ""
    reason: str = ""
    gate: str = ""
    service: str = ""
    conditions: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """The best sentence there is on why the version stands where it stands."""
        return self.reason or self.message


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment of the story: `kind` is apply, phase, weight, decision, superseded or note."""

    at: float
    kind: str
    version: str
    text: str


@dataclass(frozen=True, slots=True)
class Chapter:
    """One version of the story and how it must end.

    Attributes:
        version: The model version that is applied.
        outcome: The phase that it must reach, Stable or RolledBack.
        gate: The gate that must take it back; empty for a version that stays.
    """

    version: str
    outcome: str
    gate: str = ""


@dataclass(frozen=True, slots=True)
class Recording:
    """Everything seen during one telling of the story.

    Attributes:
        services: Which version an InferenceService serves.
        breaches: When each taken-back version was first over its limit in Prometheus' samples; None where
            never seen.
    """

    started: float
    ended: float
    answers: Sequence[Answer]
    held_back: int
    routes: Sequence[RouteState]
    states: Sequence[VersionState]
    marks: Sequence[Mark]
    services: Mapping[str, str]
    breaches: Mapping[str, float | None] = field(default_factory=dict)
