"""What decides about a candidate, and where that brings it."""

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from ..api.settings import EffectiveRollout, Strategy
from ..api.status import Decision, Phase
from .approvals import outstanding
from .preflight import passed
from .snapshot import ON_TRAFFIC, Mark, Route, Version


@dataclass(frozen=True, slots=True)
class Move:
    """Where a version is and what it is to have."""

    phase: Phase
    message: str
    weight: int = 0
    listed: bool = False
    """To be in the route even at weight 0."""
    step: int | None = None
    step_started_at: datetime | None = None
    weight_pending: bool | None = None
    """Whether the hold of the step begins when the Gateway has taken its weight."""
    next_at: datetime | None = None
    ready_by: datetime | None = None
    decision: Decision | None = None
    mark: Mark | None = None
    """To be written into the route together with weight 0."""
    promoted_at: datetime | None = None
    pods: int = 0
    """Pods that it needs before it can have more."""
    pods_by: datetime | None = None
    """When people are told that these do not come."""

    def but(self, **changes: Any) -> "Move":
        """The same move but for some fields."""
        return replace(self, **changes)


@dataclass(frozen=True, slots=True)
class Situation:
    """All that decides about the candidate."""

    candidate: Version
    stable: Version | None
    held: bool
    """Whether a backend serves in stable's place."""
    route: Route
    settings: EffectiveRollout
    now: datetime
    recordable: bool = True
    """Whether the record takes what is to be said of more traffic."""

    @property
    def step(self) -> int | None:
        """The step that the candidate has come to; None before its first traffic."""
        return self.candidate.status.step

    @property
    def on_traffic(self) -> bool:
        """Whether the candidate's gates are being asked."""
        status = self.candidate.status
        return status.phase in ON_TRAFFIC and status.step is not None and status.step_started_at is not None

    @property
    def has_had_traffic(self) -> bool:
        """Whether the candidate has come to a step in this attempt."""
        return self.step is not None

    @property
    def passed_preflight(self) -> bool:
        """Whether the candidate has answered alone as it should, or is not asked."""
        return passed(self.candidate, self.settings)

    @property
    def before_traffic(self) -> Phase:
        """The phase of a candidate that is ready and has no traffic."""
        return Phase.PREFLIGHT if self.settings.preflight.asks and not self.has_had_traffic else Phase.DEPLOYING

    @property
    def only_candidate_answers(self) -> bool:
        """Whether taking the candidate's traffic would leave nobody to answer it."""
        answers = self.candidate.backend.answers and self.route.weight(self.candidate) > 0
        return self.stable is not None and not self.stable.backend.answers and answers

    @property
    def keeps_traffic(self) -> bool:
        """Whether the candidate answers what it is sent, also where KServe waits for one pod of several."""
        return self.on_traffic and self.route.weight(self.candidate) > 0 and self.candidate.backend.answers

    @property
    def paused_by(self) -> str | None:
        """Who holds the rollout."""
        paused = self.candidate.status.paused
        if paused is not None:
            return f"{paused.by}: {paused.reason}"
        return "spec.paused" if self.candidate.spec.paused else None

    @property
    def held_until(self) -> datetime:
        """When the present step has been held for long enough."""
        return self._began + self.hold_at(self.step or 0)

    @property
    def held_too_long_from(self) -> datetime:
        """From when on gates that have seen too little are no longer waited for."""
        return max(self.held_until, self._began + self.settings.max_hold)

    @property
    def ready_by(self) -> datetime | None:
        """When the candidate is given up; None once it has been ready, or on a step, for as long as that could take."""
        status = self.candidate.status
        since = [at for at in (status.ready_since, self._began if self.on_traffic else None) if at is not None]
        if status.ready_by is None or any(self.now >= at + self.settings.ready_timeout for at in since):
            return None
        return status.ready_by

    @property
    def _began(self) -> datetime:
        return self.candidate.status.step_started_at or self.now

    def weight_at(self, step: int) -> int:
        """Percent of the requests at a step; the one after the last is probation, the one behind that promotion."""
        steps = self.settings.steps
        if step < len(steps):
            return steps[step].weight
        in_probation = step == len(steps) and self.settings.strategy is not Strategy.REPLACE
        return 100 - self.settings.probation.holdback if in_probation else 100

    def hold_at(self, step: int) -> timedelta:
        """How long a step is held at least."""
        steps = self.settings.steps
        return steps[step].hold if step < len(steps) else self.settings.probation.duration

    def where(self, step: int) -> str:
        """A step in words."""
        if step >= len(self.settings.steps):
            share = self.weight_at(step)
            return f"probation with {'all requests' if share == 100 else f'{share} % of the requests'}"
        return f"step {step + 1} of {len(self.settings.steps)} at {self.weight_at(step)} %"

    @property
    def pods_to_begin(self) -> int:
        """Pods for the step that it is to begin with, from when nothing but readiness keeps it from that.

        They stay asked for while they come: KServe calls a version that waits for more pods not ready.
        """
        agreed = not outstanding(self.settings, None, self.candidate.status.approvals)
        free = self.passed_preflight and agreed and self.paused_by is None
        return self.pods_for(self.weight_at(self.step or 0)) if free or self.has_had_traffic else 0

    def pods_for(self, weight: int) -> int:
        """Pods that a weight needs, measured by what stable ran when the attempt began."""
        return pods_for(weight, measured=self.candidate.status.capacity or 0, version=self.candidate)


def pods_for(weight: int, *, measured: int, version: Version) -> int:
    """Pods that a weight needs, where all traffic needs `measured`; never more than a version may have."""
    return min(math.ceil(weight * measured / 100), version.spec.predictor.max_replicas)
