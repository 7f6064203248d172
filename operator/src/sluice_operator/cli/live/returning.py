"""Which version a model returns to where nobody names one: of those that were proven, the best by the record.

A rollback never depends on the record: where that cannot be read, it is the version that was stable before.
"""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import CommandError, QuestionError
from .versions import Model, Version, now

if TYPE_CHECKING:
    from ...history.ranking import Target
    from ..cluster import Cluster

_OTHERS = 2
"""How many of the next best are told of."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The version, and why it is that one."""

    version: Version
    why: tuple[str, ...]
    """Lines for people."""


def choose(model: Model, ranked: Callable[[], "Sequence[Target]"]) -> Choice:
    """The version that a model returns to.

    Args:
        model: The model.
        ranked: Asks the record; is not called where there is none to return to.

    Raises:
        QuestionError: no version was proven before the present one.
    """
    proven = {
        one.name: one
        for one in model.versions
        if one.status.promoted_at and one is not model.stable and not one.deleting
    }
    if not proven:
        raise QuestionError(f"no version of {model.name} was stable before the present one: there is none to return to")
    before = max(proven.values(), key=lambda one: one.status.promoted_at or one.created_at)
    try:
        first, *others = [one for one in ranked() if one.name in proven] or (None,)
    except CommandError as error:
        return Choice(before, (f"{before.name} was stable before; no other is weighed against it: {error}",))
    if first is None:
        return Choice(before, (f"{before.name} was stable before; the record knows of none to return to",))
    why = (f"{first.name} is the best to return to: {'; '.join(first.reasons)}",)
    next_best = (f"otherwise {one.name}: {'; '.join(one.reasons)}" for one in others[:_OTHERS] if one is not None)
    return Choice(proven[first.name], (*why, *next_best))


def recorded(
    cluster: "Cluster", model: Model, *, ledger_url: str | None, operator_namespace: str
) -> "Sequence[Target]":
    """The versions that a model can return to, as the record ranks them.

    Raises:
        CommandError: it cannot be read.
    """
    from ...history.ranking import ranked
    from ..record.finding import gathered
    from ..record.forwarding import forwarded
    from ..record.sources import Database, Reading, Source

    with contextlib.ExitStack() as stack:
        source: Source
        if ledger_url is not None:
            source = Database(ledger_url)
        else:
            source = stack.enter_context(forwarded(cluster, namespace=operator_namespace))
        known = gathered(Reading(source, model.namespace), model=model.name)
    account = known.get((model.namespace, model.name))
    return ranked(account, now=now()) if account is not None else ()
