"""A version whose gates are asked, as its object says it is, and the version that it is compared with."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..analysis.consistency import inconsistency
from ..api.evidence import Evidence
from ..api.gates import Gate
from ..api.settings import EffectiveRollout, Strategy
from ..api.status import ModelVersionStatus
from ..kube.gateway import Object
from ..prometheus.predictor import Target
from ..rollout.asking import asked
from ..rollout.settings import merge


@dataclass(frozen=True, slots=True)
class Watched:
    """What is known of a version with traffic without asking Prometheus."""

    uid: str
    target: Target
    settings: EffectiveRollout
    attempt: int
    attempt_started_at: datetime | None
    step: int
    step_started_at: datetime | None
    step_begun: bool
    """Whether the Gateway has taken the weight of the step."""
    evidence: Evidence | None
    """What its comparisons had seen when it was last written."""
    evidence_lost: bool
    """Whether evidence was written and cannot be read."""

    @property
    def gates(self) -> tuple[Gate, ...]:
        """The gates as they are asked in its present step."""
        return asked(self.settings, self.step)

    @property
    def comparing(self) -> tuple[Gate, ...]:
        """The gates that are compared at any time of the attempt."""
        if self.settings.strategy is Strategy.REPLACE or not self.starts:
            return ()
        found = {g.name: g for g in self.settings.analysis.gates if g.compare is not None and not inconsistency(g)}
        return tuple(found.values())

    @property
    def starts(self) -> int:
        """The steps in which stable has requests too, probation included: the test for harm begins in each."""
        return len(self.settings.steps) + (1 if self.settings.probation.holdback else 0)

    @property
    def weight(self) -> float:
        """The version's part of all requests in its step, 0 to 1."""
        steps = self.settings.steps
        return (steps[self.step].weight if self.step < len(steps) else 100 - self.settings.probation.holdback) / 100

    @property
    def least_part(self) -> float:
        """The least part of all requests that it or stable gets while the two are compared, 0 to 1."""
        steps = [step.weight for step in self.settings.steps] or [100 - self.settings.probation.holdback]
        return min(min(weight, 100 - weight) for weight in steps) / 100

    @property
    def is_last_step(self) -> bool:
        """Whether all requests come next."""
        return self.step >= len(self.settings.steps) - 1


def watched(obj: Object, status: ModelVersionStatus) -> Watched:
    """What a ModelVersion says; `status` is its own, as far as it can be read."""
    return Watched(
        uid=str(obj["metadata"].get("uid")),
        target=target_of(obj),
        settings=status.effective_rollout or merge(None),
        attempt=status.attempt or 1,
        attempt_started_at=status.attempt_started_at,
        step=status.step or 0,
        step_started_at=status.step_started_at,
        step_begun=status.step_started_at is not None and not status.weight_pending,
        evidence=status.evidence,
        evidence_lost=status.evidence is None and (obj.get("status") or {}).get("evidence") is not None,
    )


def target_of(obj: Object) -> Target:
    """A ModelVersion as Prometheus knows it."""
    spec: Mapping[str, Any] = obj.get("spec", {})
    return Target(obj["metadata"]["namespace"], str(spec.get("model")), str(spec.get("version")))


def stable_beside(obj: Object, versions: Iterable[Object]) -> Object | None:
    """The version that was promoted last, of those of a candidate's model that are not the candidate."""
    promoted = [(at, other) for other in versions if other is not obj and (at := _promoted_at(other))]
    latest = max(promoted, key=lambda item: item[0], default=None)
    return latest[1] if latest is not None and target_of(latest[1]) != target_of(obj) else None


def _promoted_at(obj: Object) -> datetime | None:
    said = (obj.get("status") or {}).get("promotedAt")
    try:
        at = datetime.fromisoformat(str(said))
    except ValueError:
        return None
    return at if at.tzinfo is not None else None
