"""How a version is rolled out: the settings a version or a policy may give, and the ones in force.

`RolloutSettings` is what people write; every field may be left out. `EffectiveRollout` is the merged result, complete,
frozen when an attempt starts. No field that a policy may set has a default in the schema: what was left out could not
be told from what was chosen.
"""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field

from .analysis import Analysis, AnalysisSettings
from .base import ApiModel, Duration, bounded, rules
from .preflight import Preflight, PreflightSettings


class Strategy(StrEnum):
    """How a candidate comes to its traffic."""

    CANARY = "Canary"
    BLUE_GREEN = "BlueGreen"
    REPLACE = "Replace"


class OnNewVersion(StrEnum):
    """What becomes of a rollout that is under way when a newer version is applied."""

    SUPERSEDE = "Supersede"
    QUEUE = "Queue"
    REJECT = "Reject"


class OnNoData(StrEnum):
    """What happens when a step has been held for maxHold and its gates have seen too little."""

    HOLD = "Hold"
    ROLLBACK = "Rollback"


class OnInconclusive(StrEnum):
    """What happens when a step has been held for maxHold and its comparisons still cannot tell."""

    PAUSE = "Pause"
    ROLLBACK = "Rollback"
    PROMOTE = "Promote"


class Approvals(ApiModel):
    """People who must agree, each by a RolloutAction of his own."""

    count: Annotated[int, Field(ge=1, le=5)]
    """How many different people."""
    group: Annotated[str, Field(min_length=1, max_length=253)] | None = None
    """The group, as the API server's authentication names it, that each must belong to. Otherwise anybody with the
    right to approve."""
    not_by_author: bool = False
    """Whether who made the version (annotation sluice.dev/author) may not be one of them."""


class Step(ApiModel):
    """A share of the traffic, and how long the candidate must hold it."""

    weight: Annotated[int, Field(ge=1, le=99)]
    """Percent of the requests that go to the candidate."""
    hold: Duration
    """How long this weight is held at least."""
    approvals: Approvals | None = None
    """Who must agree before the candidate gets more than this."""


Holdback = Annotated[int, Field(ge=0, le=50)]
MinRequests = Annotated[int, Field(ge=0, le=100_000_000)]
MaxHold = Annotated[Duration, bounded("duration(self) <= duration('720h')", "must be at most 720h")]
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


class ProbationSettings(ApiModel):
    """The time after the last step: the candidate has most or all of the traffic and stable is still warm."""

    duration: Duration | None = None
    """How long the candidate must hold it before it becomes stable."""
    min_requests: MinRequests | None = None
    """How many requests the candidate must have answered in it."""
    holdback: Holdback | None = None
    """Percent of the requests that stay on stable meanwhile."""


class Probation(ApiModel):
    """The time after the last step: the candidate has most or all of the traffic and stable is still warm."""

    duration: Duration
    """How long the candidate must hold it before it becomes stable."""
    min_requests: MinRequests = 0
    """How many requests the candidate must have answered in it."""
    holdback: Holdback = 0
    """Percent of the requests that stay on stable meanwhile."""


class RolloutSettings(ApiModel):
    """How versions are rolled out. What a version leaves out comes from its policy, and then from the installation."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "!has(self.strategy) || self.strategy == 'Canary' || !has(self.steps)",
                "steps belong to strategy Canary",
            )
        )
    )

    strategy: Strategy | None = None
    """Canary: traffic grows step by step. BlueGreen: all traffic at once, after a preview. Replace: all traffic as soon
    as the version is ready, without asking any gate."""
    on_new_version: OnNewVersion | None = None
    """What this version does to a rollout that is under way: end it (Supersede), wait for its end (Queue), or not begin
    (Reject)."""
    preflight: PreflightSettings | None = None
    """What each pod of the version is asked before the version gets any traffic."""
    steps: Steps | None = None
    """Traffic shares the candidate goes through, in order, before it gets all traffic."""
    approvals: Approvals | None = None
    """Who must agree before the candidate gets all traffic."""
    probation: ProbationSettings | None = None
    """The time after that, in which stable is still warm."""
    ready_timeout: Duration | None = None
    """How long the version may take to become ready before it is given up."""
    max_hold: MaxHold | None = None
    """How long a step may wait for its gates to see enough."""
    on_no_data: OnNoData | None = None
    """What happens then where too little was seen: wait on for somebody to act (Hold), or take the version back
    (Rollback)."""
    on_inconclusive: OnInconclusive | None = None
    """What happens then where enough was seen and comparisons cannot tell: wait for somebody to act (Pause), take the
    version back (Rollback), or go on to the next step (Promote)."""
    analysis: AnalysisSettings | None = None
    """How the candidate is judged."""


class EffectiveRollout(ApiModel):
    """The settings in force for an attempt: installation, policy, version, in this order, and the policy's floors."""

    strategy: Strategy = Strategy.CANARY
    """How the candidate comes to its traffic."""
    on_new_version: OnNewVersion = OnNewVersion.SUPERSEDE
    """What this version does to a rollout that is under way."""
    preflight: Preflight = Preflight()
    """What each pod of the version is asked before the version gets any traffic."""
    steps: Annotated[list[Step], Field(max_length=20)]
    """Traffic shares the candidate goes through, in order; none unless the strategy is Canary."""
    approvals: Approvals | None = None
    """Who must agree before the candidate gets all traffic."""
    own_approvals: Approvals | None = None
    """Who must agree then as well: the version asks for another group than its policy requires."""
    probation: Probation
    """The time after that, in which stable is still warm."""
    ready_timeout: Duration
    """How long the version may take to become ready before it is given up."""
    max_hold: MaxHold = timedelta(hours=1)
    """How long a step may wait for its gates to see enough."""
    on_no_data: OnNoData = OnNoData.HOLD
    """What happens then where too little was seen."""
    on_inconclusive: OnInconclusive = OnInconclusive.PAUSE
    """What happens then where comparisons cannot tell."""
    analysis: Analysis
    """How the candidate is judged."""
