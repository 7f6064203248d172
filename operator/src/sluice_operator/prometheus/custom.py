"""Queries of one's own, with the names of a rollout filled in, and what their answers mean to a gate.

Names are filled in as parts of PromQL strings and cannot end them. Each query must give exactly one series. A number
that is none is a moment without an answer, never 0.
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from ..analysis.counts import MOST_COUNTED, History, PodHistory, Scrape
from ..analysis.gates import Missing, Values, reach
from ..analysis.limits import CHECKS
from ..api.gates import Gate
from ..api.status import Verdict
from .client import Series

_NAME = re.compile(r"\{\{ *(version|stable|model|namespace) *\}\}")
_ESCAPES = str.maketrans({char: f"\\x{ord(char):02x}" for char in "\\\"'`\n"})


@dataclass(frozen=True, slots=True)
class Custom:
    """A gate's own queries."""

    gate: str
    seconds: float
    """How far back the gate looks."""
    looks: int = 0
    """How often in a row it looks so far."""
    value: str = ""
    """A number as it is now."""
    bad: str = ""
    total: str = ""

    @property
    def texts(self) -> tuple[str, ...]:
        """What Prometheus is asked."""
        return (self.value,) if self.value else (self.bad, self.total)


@dataclass(frozen=True, slots=True)
class Answer:
    """What one query gave over a while."""

    since: float
    """Unix seconds from which on it is known."""
    until: float
    """The last moment that was asked for."""
    samples: tuple[tuple[float, float], ...] = ()
    """(Unix seconds, value), oldest first; all finite."""
    problem: str | None = None
    """Why there is none."""


def custom_queries(gates: Iterable[Gate], *, names: Mapping[str, str]) -> tuple[Custom, ...]:
    """The queries of a version's gates, those that say what they ask.

    `names` has what version, stable, model and namespace stand for.
    """
    return tuple(
        Custom(
            gate=gate.name,
            seconds=reach(gate),
            looks=(gate.limit.checks if gate.limit else None) or CHECKS,
            value=filled(gate.query.value or "", names),
            bad=filled(gate.query.bad or "", names),
            total=filled(gate.query.total or "", names),
        )
        for gate in gates
        if gate.query is not None and (gate.query.value or (gate.query.bad and gate.query.total))
    )


def filled(query: str, names: Mapping[str, str]) -> str:
    """A query with names in the places that are kept for them; other braces stay, for Prometheus to refuse."""
    return _NAME.sub(lambda place: names.get(place[1], "").translate(_ESCAPES), query)


def read_answer(series: Iterable[Series], *, since: float, until: float) -> Answer:
    """What Prometheus' answer says."""
    found = list(series)
    if len(found) != 1:
        wrong = "no series" if not found else f"{len(found)} series"
        return Answer(since, until, problem=f"it gives {wrong} where it must give one")
    return Answer(since, until, tuple((at, value) for at, value in found[0].samples if math.isfinite(value)))


def longer(known: Answer, news: Answer, *, since: float) -> Answer:
    """An answer of which the later part was asked for anew; that part counts."""
    kept = tuple(sample for sample in known.samples if since <= sample[0] < news.since)
    return Answer(max(known.since, since), news.until, (*kept, *news.samples), news.problem)


def read_custom(custom: Custom, answers: Mapping[str, Answer]) -> History | Values | Missing:
    """What a gate's own queries gave."""
    found = {text: answers.get(text) for text in custom.texts}
    for text, answer in found.items():
        if answer is None:
            return Missing(Verdict.NO_DATA, "its query has not been answered yet")
        if answer.problem is not None:
            called = "its query" if custom.value else f"its query for {'bad' if text == custom.bad else 'total'}"
            return Missing(Verdict.UNAVAILABLE, f"{called}: {answer.problem}")
    told = [answer for answer in found.values() if answer is not None]
    if custom.value:
        return Values(told[0].samples)
    return _counters(found[custom.bad] or told[0], found[custom.total] or told[0])


def _counters(bad: Answer, total: Answer) -> History:
    """Two counters as one pod's history: where one of them has fallen nobody knows what was counted, and nothing is.

    Nor is anything where one of them has a number that no counter has.
    """
    bads = dict(bad.samples)
    both = [
        Scrape(at, counted, bads[at])
        for at, counted in total.samples
        if 0 <= counted <= MOST_COUNTED and 0 <= bads.get(at, math.nan) <= MOST_COUNTED
    ]
    scrapes = [Scrape(both[0].at, 0.0, 0.0)] if both else []
    for before, later in pairwise(both):
        more, worse = later.total - before.total, later.bad - before.bad
        if more < 0 or worse < 0:
            more = worse = 0.0
        scrapes.append(Scrape(later.at, scrapes[-1].total + more, scrapes[-1].bad + min(more, worse)))
    since = max(bad.since, total.since)
    return History(since=since, pods=(PodHistory("query", tuple(scrapes)),) if scrapes else ())
