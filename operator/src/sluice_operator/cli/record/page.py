"""The report of a rollout: one HTML page that needs nothing else, and the same as JSON.

Everything on the page is somebody else's text: it is escaped where it is printed, and what would not be seen is
replaced. The page has no script and no link, and its policy forbids the browser to fetch anything.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ...history.account import ModelAccount
from ...history.descent import Node, tree
from ...history.events import events
from ...history.facts import Model
from ...history.rollout import Evidence, Rollout, rollout
from ...ledger.record import Head, Record, digest
from ..output import API, clean
from .documents import document
from .plots import Chart, odds, shares, timeline

_OUTCOMES = {
    "Stable": ("promoted", "good"),
    "RolledBack": ("taken back", "bad"),
    "Failed": ("failed", "bad"),
    "Rejected": ("rejected", "bad"),
    "Skipped": ("skipped", "quiet"),
}


@dataclass(frozen=True, slots=True)
class Subject:
    """What a report is of, and what it is made from."""

    model: Model
    version: str
    account: ModelAccount
    records: Sequence[Record]
    """All records of the version, in the order of the chain."""
    head: Head | None
    """Where the chain ended when the report was made."""
    made_at: datetime


@dataclass(frozen=True, slots=True)
class _Gate:
    """A gate with its pictures."""

    evidence: Evidence
    asked: str
    shares: Chart | None
    odds: Chart | None


def as_html(subject: Subject) -> str:
    """The page.

    Raises:
        KeyError: The record tells of no transition of the version.
    """
    told = rollout(subject.account, subject.version)
    outcome, tone = _outcome(told)
    return (
        _environment()
        .get_template("report.html.jinja")
        .render(
            namespace=subject.model[0],
            model=subject.model[1],
            rollout=told,
            account=told.account,
            outcome=outcome,
            tone=tone,
            lasted=lasted(told.ended - told.began),
            timeline=timeline(told),
            gates=[_gate(one) for one in told.evidence],
            events=events([told.account]),
            family=_flat(tree(subject.account.versions)),
            records=[(record, digest(record)) for record in subject.records],
            head=subject.head,
            made_at=subject.made_at,
        )
    )


def as_json(subject: Subject) -> str:
    """The same for programs, with every record as it was hashed.

    Raises:
        KeyError: The record tells of no transition of the version.
    """
    told = rollout(subject.account, subject.version)
    body: Mapping[str, Any] = {
        "apiVersion": API,
        "kind": "RolloutReport",
        "namespace": subject.model[0],
        "model": subject.model[1],
        "madeAt": document(subject.made_at),
        "head": document(subject.head),
        **document(told),
        "events": document(events([told.account])),
        "records": [{"digest": digest(record), "text": record.text} for record in subject.records],
    }
    return json.dumps(body, indent=2)


def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("sluice_operator.cli.record"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_seen,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"time": _time, "percent": _percent, "ratio": _ratio}
    return made


def _seen(value: Any) -> Any:
    """Text without what would not be seen, or would turn the text around it."""
    return clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _time(moment: datetime) -> str:
    return format(moment, "%Y-%m-%d %H:%M:%S")


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _ratio(value: float | None) -> str:
    return "any" if value is None else f"{value:.3g}"


def _outcome(told: Rollout) -> tuple[str, str]:
    if not told.over:
        return "under way", "quiet"
    last = next(one.after for one in reversed(told.account.changes) if one.after in _OUTCOMES)
    return _OUTCOMES[last]


def _gate(evidence: Evidence) -> _Gate:
    return _Gate(evidence, _asked(evidence.asks), shares(evidence), odds(evidence))


def _asked(asks: Mapping[str, Any]) -> str:
    """A gate's settings as people read them."""
    parts = []
    for name, value in asks.items():
        if isinstance(value, Mapping):
            parts.append(f"{name} ({', '.join(f'{key} {inner}' for key, inner in value.items())})")
        elif isinstance(value, list):
            parts.append(f"{name} {', '.join(map(str, value))}")
        elif name != "name":
            parts.append(f"{name} {value}")
    return "; ".join(parts)


def _flat(nodes: Sequence[Node]) -> list[tuple[int, Node]]:
    """The versions with how deep they stand."""
    found: list[tuple[int, Node]] = []
    open_ = [(0, node) for node in nodes]
    while open_:
        depth, node = open_.pop(0)
        found.append((depth, node))
        open_ = [(depth + 1, child) for child in node.children] + open_
    return found


def lasted(length: timedelta) -> str:
    """A length of time in its two greatest units."""
    left, parts = max(timedelta(0), length), []
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        count, left = divmod(left, timedelta(seconds=size))
        parts += [f"{count} {unit}"] if count else []
    return " ".join(parts[:2]) or "less than a second"
