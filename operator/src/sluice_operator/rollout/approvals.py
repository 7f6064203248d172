"""Who must still agree before a candidate gets more traffic."""

from collections.abc import Sequence

from ..api.settings import Approvals, EffectiveRollout
from ..api.status import Approval


def needed(settings: EffectiveRollout, step: int | None) -> tuple[Approvals, ...]:
    """Who must agree before a candidate leaves a step.

    Args:
        settings: The settings in force.
        step: The step; None before the first traffic, which a rollout without steps leaves for all of it.
    """
    own = settings.steps[step].approvals if step is not None and step < len(settings.steps) else None
    before_all = len(settings.steps) - 1 if settings.steps else None
    last = (settings.approvals, settings.own_approvals) if step == before_all else ()
    return tuple(approvals for approvals in (own, *last) if approvals is not None)


def outstanding(settings: EffectiveRollout, step: int | None, given: Sequence[Approval]) -> int:
    """How many people more must agree at least before a candidate leaves a step."""
    return max((count for _, count in _missing(settings, step, given)), default=0)


def waits_for(settings: EffectiveRollout, step: int | None, given: Sequence[Approval]) -> str:
    """The same in words, with the groups where two are asked for."""
    missing = _missing(settings, step, given)
    of = [f"{count} of {approvals.group}" for approvals, count in missing if approvals.group is not None]
    if len(needed(settings, step)) > 1 and of:
        return f"approvals: {', '.join(of)}"
    count = outstanding(settings, step, given)
    return f"{count} approval{'s' if count > 1 else ''}"


def _missing(
    settings: EffectiveRollout, step: int | None, given: Sequence[Approval]
) -> tuple[tuple[Approvals, int], ...]:
    """What is asked for and not met yet, with how many people lack. One person may count for each."""
    lacks = [
        (approvals, approvals.count - len(_people(approvals, step, given))) for approvals in needed(settings, step)
    ]
    return tuple((approvals, count) for approvals, count in lacks if count > 0)


def _people(approvals: Approvals, step: int | None, given: Sequence[Approval]) -> set[str]:
    return {
        one.by
        for one in given
        if one.step == step and (approvals.group is None or one.groups is None or approvals.group in one.groups)
    }
