"""Who must still agree before a candidate gets more traffic."""

from collections.abc import Sequence

from ..api.modelversion import Approval
from ..api.settings import Approvals, EffectiveRollout


def needed(settings: EffectiveRollout, step: int | None) -> tuple[Approvals, ...]:
    """Who must agree before a candidate leaves a step.

    Args:
        settings: The settings in force.
        step: The step; None before the first traffic, which a rollout without steps leaves for all of it.
    """
    own = settings.steps[step].approvals if step is not None and step < len(settings.steps) else None
    before_all = len(settings.steps) - 1 if settings.steps else None
    last = settings.approvals if step == before_all else None
    return tuple(approvals for approvals in (own, last) if approvals is not None)


def outstanding(settings: EffectiveRollout, step: int | None, given: Sequence[Approval]) -> int:
    """How many people more must agree before a candidate leaves a step."""
    people = {approval.by for approval in given if approval.step == step}
    return max((approvals.count - len(people) for approvals in needed(settings, step)), default=0)
