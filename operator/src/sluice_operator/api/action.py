"""RolloutAction: what a person decided about a rollout. Immutable; the operator only says what came of it.

An act is bound to one version by its uid and, where what the person saw matters, to the attempt, the step and the
settings that he saw: if any of them has moved on, the act is refused.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field

from .base import ApiModel, rules

KIND = "RolloutAction"
PLURAL = "rolloutactions"


class Action(StrEnum):
    """What a person may decide."""

    APPROVE = "Approve"
    REJECT = "Reject"
    PAUSE = "Pause"
    RESUME = "Resume"
    ADVANCE = "Advance"
    PROMOTE = "Promote"
    ABORT = "Abort"
    RETRY = "Retry"
    ROLLBACK = "Rollback"


class Outcome(StrEnum):
    """What came of an act."""

    APPLIED = "Applied"
    REFUSED = "Refused"
    EXPIRED = "Expired"


Person = Annotated[str, Field(min_length=1, max_length=253)]


class RolloutActionSpec(ApiModel):
    """What was decided, by whom, about what."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            ("self == oldSelf", "an act cannot be changed: make another one"),
            (
                "!(self.action in ['Approve', 'Promote', 'Advance', 'Retry']) || has(self.attempt)",
                "attempt must be given: the one that status.attempt of the version shows",
            ),
            (
                "!(self.action in ['Approve', 'Promote', 'Advance']) || has(self.policyHash)",
                "policyHash must be given: the one that status.effectiveRolloutHash of the version shows",
            ),
        )
    )

    model_version: Annotated[str, Field(min_length=1, max_length=253)]
    """Name of the ModelVersion, in the same namespace."""
    uid: Annotated[str, Field(min_length=1, max_length=64)]
    """Its metadata.uid: an object of the same name made later is another one."""
    action: Action
    """What is to happen. Approve: agree to what waits for approvals. Reject: end the rollout, for good. Pause, Resume:
    hold it where it is, and go on. Advance: end this step now. Promote: go to probation now, or end that. Abort: take
    the version back. Retry: begin anew after an end without promotion. Rollback: return to this version, which was
    proven before."""
    reason: Annotated[str, Field(min_length=1, max_length=512)]
    """Why, for those who ask afterwards."""
    requested_by: Person
    """Who decided. Admission demands that it is who makes this object."""
    groups: Annotated[list[Person], Field(max_length=32, json_schema_extra={"x-kubernetes-list-type": "set"})] = []
    """Groups of that person which count here. Admission demands that he is in all of them."""
    attempt: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """The attempt that the person saw."""
    step: Annotated[int, Field(ge=0, le=20)] | None = None
    """The step that the person saw; none where the version had not come to one."""
    policy_hash: Annotated[str, Field(max_length=71)] | None = None
    """The hash of the settings in force that the person saw; none where the version had not begun."""


class RolloutActionStatus(ApiModel):
    """What came of the act. Written by the operator, once."""

    outcome: Outcome | None = None
    """Applied, Refused or Expired."""
    message: Annotated[str, Field(max_length=512)] | None = None
    """What happened, or why nothing did, as a sentence."""
    at: datetime | None = None
    """When."""
