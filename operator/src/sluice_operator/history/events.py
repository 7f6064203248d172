"""What happened to a model or a version, one line each, in the order in which it happened."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from .account import Account
from .facts import Act, Change, Judgement

_FAIL = "Fail"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened."""

    at: datetime
    seq: int
    """The record that tells it."""
    version: str
    what: str
    why: str
    by: str
    """The person; empty where the operator did it by itself."""


def events(accounts: Iterable[Account]) -> tuple[Event, ...]:
    """What happened to versions: transitions, acts, and gates that failed."""
    found: list[Event] = []
    for account in accounts:
        before: Change | None = None
        for change in account.changes:
            if what := _what(change, before):
                found.append(Event(change.at, change.seq, change.version, what, change.reason, ""))
            before = change
        found.extend(_act(act) for act in account.acts)
        found.extend(_failure(said) for said in account.judgements if said.verdict == _FAIL)
    return tuple(sorted(found, key=lambda event: (event.at, event.seq)))


def _what(change: Change, before: Change | None) -> str:
    """What is another than before; empty where that is told by somebody else."""
    parts = []
    if before is None or change.attempt != before.attempt:
        parts.append(f"attempt {change.attempt}" if change.attempt > 1 else "")
    if before is None or change.after != before.after:
        parts.append(change.after)
    if change.step is not None and (before is None or change.step != before.step):
        parts.append(f"step {change.step + 1}")
    if change.weight is not None and change.weight != (before.weight or 0 if before is not None else 0):
        parts.append(f"{change.weight} %")
    return ", ".join(part for part in parts if part)


def _act(act: Act) -> Event:
    outcome = "" if act.outcome == "Applied" else f" ({act.outcome or 'without an outcome'}: {act.message})"
    return Event(act.at, act.seq, act.version, f"{act.action}{outcome}", act.reason, act.by)


def _failure(said: Judgement) -> Event:
    return Event(said.at, said.seq, said.version, f"gate {said.gate}: {said.verdict}", said.message, "")
