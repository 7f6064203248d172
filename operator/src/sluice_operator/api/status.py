"""How far a version's rollout has come: what the status of a ModelVersion says."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from .action import Outcome
from .base import ApiModel
from .evidence import ComparisonStatus, DriftStatus, Evidence
from .outbox import Outbox
from .settings import EffectiveRollout


class Phase(StrEnum):
    """How far a version has come."""

    QUEUED = "Queued"
    DEPLOYING = "Deploying"
    PREFLIGHT = "Preflight"
    CANARY = "Canary"
    PAUSED = "Paused"
    AWAITING_APPROVAL = "AwaitingApproval"
    PROBATION = "Probation"
    STABLE = "Stable"
    SUPERSEDED = "Superseded"
    ROLLING_BACK = "RollingBack"
    ROLLED_BACK = "RolledBack"
    FAILED = "Failed"
    REJECTED = "Rejected"
    SKIPPED = "Skipped"
    DELETION_WAITING = "DeletionWaiting"


UNDER_WAY = frozenset(
    {
        Phase.DEPLOYING,
        Phase.PREFLIGHT,
        Phase.CANARY,
        Phase.PAUSED,
        Phase.AWAITING_APPROVAL,
        Phase.PROBATION,
        Phase.ROLLING_BACK,
    }
)
"""Phases of a version that is being rolled out."""


class Verdict(StrEnum):
    """A gate's answer."""

    PASS = "Pass"  # noqa: S105 - a verdict, not a password
    FAIL = "Fail"
    NO_DATA = "NoData"
    UNAVAILABLE = "Unavailable"


class Condition(ApiModel):
    """A kstatus condition."""

    type: Annotated[str, Field(max_length=316)]
    """Ready, Reconciling or Stalled."""
    status: Literal["True", "False", "Unknown"]
    """Whether it holds."""
    reason: Annotated[str, Field(max_length=64)]
    """Why, as one word."""
    message: Annotated[str, Field(max_length=1024)]
    """Why, as a sentence."""
    last_transition_time: datetime
    """When status last changed."""
    observed_generation: int | None = None
    """The generation of the spec this is about."""


class GateStatus(ApiModel):
    """What a gate last said."""

    name: Annotated[str, Field(max_length=40)]
    """The gate."""
    verdict: Verdict
    """Its answer: Pass, Fail, NoData or Unavailable."""
    value: float | None = None
    """The share of bad requests within the limit's window (0 to 1), the value of its query, or the population stability
    index, without its bias."""
    requests: int = 0
    """Requests within the window."""
    limit: float | None = None
    """Its threshold, where it has one."""
    comparison: ComparisonStatus | None = None
    """What its comparison with stable says."""
    drift: DriftStatus | None = None
    """How far predictions have moved, where the gate asks that."""
    message: Annotated[str, Field(max_length=512)]
    """The answer as a sentence."""
    at: datetime | None = None
    """When it said so: figures that change are written about once a minute, another answer at once."""


class PreflightStatus(ApiModel):
    """What came of asking the version alone, before it got any traffic."""

    verdict: Verdict
    """Pass: it may get traffic. Fail: it is taken back."""
    message: Annotated[str, Field(max_length=512)]
    """What was asked, and what came, as a sentence."""
    at: datetime
    """When."""


class Decision(ApiModel):
    """The last decision about the version."""

    action: Literal["Promote", "Rollback", "Abort", "Fail", "Skip", "Reject"]
    """What was decided."""
    reason: Annotated[str, Field(max_length=512)]
    """Why, as a sentence with the numbers."""
    gate: Annotated[str, Field(max_length=40)] | None = None
    """The gate that decided."""
    by: Annotated[str, Field(max_length=253)] | None = None
    """The person who decided; nobody where the operator did by itself."""
    act: Annotated[str, Field(max_length=64)] | None = None
    """The uid of that person's RolloutAction."""
    at: datetime
    """When."""


class Approval(ApiModel):
    """One person's agreement."""

    by: Annotated[str, Field(max_length=253)]
    """Who."""
    step: int | None = None
    """What was agreed to: the end of this step, or without one the beginning."""
    groups: (
        Annotated[
            list[Annotated[str, Field(max_length=253)]],
            Field(max_length=3, json_schema_extra={"x-kubernetes-list-type": "atomic"}),
        ]
        | None
    ) = None
    """The groups that were asked for and that the person is in; without a list, all that were."""
    at: datetime
    """When."""


class Paused(ApiModel):
    """Who holds the rollout by an act, and why."""

    by: Annotated[str, Field(max_length=253)]
    """Who."""
    reason: Annotated[str, Field(max_length=512)]
    """Why."""
    at: datetime
    """Since when."""


class HandledAct(ApiModel):
    """An act of which something came."""

    uid: Annotated[str, Field(max_length=64)]
    """The act's metadata.uid."""
    outcome: Outcome
    """What came of it."""
    message: Annotated[str, Field(max_length=512)]
    """The same as a sentence."""
    at: datetime
    """When."""


class Attempt(ApiModel):
    """An attempt that is over."""

    attempt: int
    """Which, from 1."""
    phase: Phase
    """How it ended."""
    reason: Annotated[str, Field(max_length=512)] | None = None
    """Why."""
    at: datetime
    """When the next began."""


class ModelVersionStatus(ApiModel):
    """How far the version has come. Written by the operator alone."""

    observed_generation: int | None = None
    """The generation of the spec that the operator has seen."""
    phase: Phase | None = None
    """How far the version has come."""
    attempt: int | None = None
    """Which try this is, from 1."""
    message: Annotated[str, Field(max_length=1024)] | None = None
    """What is going on, as a sentence."""
    conditions: Annotated[
        list[Condition],
        Field(
            max_length=8,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
        ),
    ] = []
    """Ready, Reconciling and Stalled, as kstatus reads them."""
    url: Annotated[str, Field(max_length=512)] | None = None
    """Where clients reach the model."""
    digest: Annotated[str, Field(max_length=71)] | None = None
    """The digest the version must have; where it does not say, the one that it served in preflight."""
    digest_verification: Literal["Predictor"] | None = None
    """Who has shown in this attempt that the version served has this digest: Predictor, asked in preflight."""
    runtime: Annotated[str, Field(max_length=253)] | None = None
    """The runtime that serves the version, resolved once."""
    inference_service: Annotated[str, Field(max_length=63)] | None = None
    """The InferenceService that serves the version."""
    effective_rollout: EffectiveRollout | None = None
    """The settings in force, frozen when the attempt started."""
    effective_rollout_hash: Annotated[str, Field(max_length=71)] | None = None
    """Hash of effectiveRollout."""
    policy: Annotated[str, Field(max_length=253)] | None = None
    """The RolloutPolicy that was merged into effectiveRollout."""
    attempt_started_at: datetime | None = None
    """When the attempt started."""
    promoted_at: datetime | None = None
    """When the version was proven. This is the commit of a promotion."""
    weight: Annotated[int, Field(ge=0, le=100)] | None = None
    """Percent of the requests that go to the version, as read back from the route."""
    desired_weight: Annotated[int, Field(ge=0, le=100)] | None = None
    """Percent of the requests that are to go to the version."""
    step: Annotated[int, Field(ge=0, le=20)] | None = None
    """The step of the rollout, from 0; the number of steps in probation."""
    step_started_at: datetime | None = None
    """When the step started; before the first, when the Gateway began to learn of the version's pods."""
    weight_pending: bool | None = None
    """Whether the step's hold has yet to begin: the Gateway has not been seen to have taken its weight."""
    next_transition_at: datetime | None = None
    """When the current wait can end: the hold of a step, or the deadline to become ready."""
    ready_by: datetime | None = None
    """When the version is given up unless it is ready and stays so."""
    ready_since: datetime | None = None
    """While readyBy runs: since when the version has been ready without a break."""
    pods_by: datetime | None = None
    """While the next weight waits for pods: when people are told that there are not enough."""
    traffic_ended_at: datetime | None = None
    """Since when the route, as read back, sends the version nothing any more."""
    preflight: PreflightStatus | None = None
    """What came of asking the version alone, in this attempt."""
    capacity: Annotated[int, Field(ge=0)] | None = None
    """Pods that stable ran, or was to run, at most in this attempt: what the candidate is measured against."""
    restoring: bool = False
    """Whether the version was proven before and is on its way back to all traffic."""
    paused: Paused | None = None
    """The act that holds the rollout."""
    advance_to: Annotated[int, Field(ge=0, le=22)] | None = None
    """The step that a person sent the rollout to without waiting for holds and gates."""
    approvals: Annotated[
        list[Approval], Field(max_length=20, json_schema_extra={"x-kubernetes-list-type": "atomic"})
    ] = []
    """Who agreed, in this attempt."""
    acts: Annotated[list[HandledAct], Field(max_length=20, json_schema_extra={"x-kubernetes-list-type": "atomic"})] = []
    """The last acts of which something came."""
    history: Annotated[list[Attempt], Field(max_length=10, json_schema_extra={"x-kubernetes-list-type": "atomic"})] = []
    """The last attempts before this one."""
    gates: Annotated[
        list[GateStatus],
        Field(
            max_length=8,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
        ),
    ] = []
    """What the gates last said."""
    evidence: Evidence | None = None
    """What comparisons have seen in this attempt: an operator that starts again goes on from there."""
    decision: Decision | None = None
    """The last decision about the version."""
    outbox: Outbox = []
    """What the record is to say of the last changes of this status; what it says already goes with the next change."""
