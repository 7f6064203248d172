"""Counters as Prometheus scraped them, turned into requests counted round by round.

A counter only ever grows, except when its process starts again from 0. A pod seen for the first time in the middle
of the history started then, so its first value counts; one seen in its first minute may have been there before, so its
first value is only where counting begins. A *round* is one scrape of every pod: it ends when a pod is scraped again.
Rounds are what a limit's `checks` counts: two pods scraped a moment apart are one look, not two.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

_FIRST_SCRAPE_WITHIN = 60.0
"""Seconds from the start of the history within which the first scrape of a pod that was there before must fall. Pods
are scraped at least that often, and histories begin that long before the time that is judged."""


@dataclass(frozen=True, slots=True)
class Scrape:
    """What one scrape of one pod said: counters since its process started."""

    at: float
    """Prometheus' time of the scrape, in Unix seconds."""
    total: float
    """Requests answered."""
    bad: float
    """Requests answered badly."""


@dataclass(frozen=True, slots=True)
class PodHistory:
    """The scrapes of one pod, oldest first."""

    pod: str
    scrapes: tuple[Scrape, ...]


@dataclass(frozen=True, slots=True)
class History:
    """The scrapes of all pods of a version."""

    since: float
    """Unix seconds from which on the history is whole."""
    pods: tuple[PodHistory, ...]


@dataclass(frozen=True, slots=True)
class Round:
    """Requests counted since the history began, up to one scrape of every pod."""

    at: float
    """Time of the round's last scrape, in Unix seconds."""
    total: float
    """Requests answered so far."""
    bad: float
    """Requests answered badly so far."""


def rounds(history: History, *, after: float = -math.inf) -> tuple[Round, ...]:
    """Cumulative counts of a version at each round of scrapes, oldest first.

    Args:
        history: The scrapes.
        after: In Unix seconds. Nothing that may have happened before counts: the first round after it is where
            counting begins, and what a pod has answered between a scrape before it and one after it is left out.
    """
    counted = _rounds(history, after)
    if after == -math.inf:
        return counted
    later = [found for found in counted if found.at >= after]
    return tuple(Round(found.at, found.total - later[0].total, found.bad - later[0].bad) for found in later)


def _rounds(history: History, after: float) -> tuple[Round, ...]:
    out: list[Round] = []
    seen: set[str] = set()
    total = bad = 0.0
    for pod, increase in sorted(_increases(history, after), key=lambda item: item[1].at):
        total += increase.total
        bad += increase.bad
        if out and pod not in seen:
            out.pop()
        else:
            seen.clear()
        seen.add(pod)
        out.append(Round(at=increase.at, total=total, bad=bad))
    return tuple(out)


def _increases(history: History, after: float) -> Iterable[tuple[str, Scrape]]:
    for pod in history.pods:
        before: Scrape | None = None
        for scrape in pod.scrapes:
            straddles = before is not None and before.at < after
            counts = Scrape(scrape.at, 0.0, 0.0) if straddles else _increase(before, scrape, since=history.since)
            yield pod.pod, counts
            before = scrape


def _increase(before: Scrape | None, scrape: Scrape, *, since: float) -> Scrape:
    if before is None:
        was_there = scrape.at - since <= _FIRST_SCRAPE_WITHIN
        return Scrape(scrape.at, 0.0, 0.0) if was_there else scrape
    if scrape.total < before.total:  # the process started again from 0
        return scrape
    return Scrape(scrape.at, scrape.total - before.total, max(0.0, scrape.bad - before.bad))
