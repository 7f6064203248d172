"""Counters as Prometheus scraped them, turned into requests counted round by round.

A counter only ever grows, except when its process starts again from 0. A pod seen for the first time in the middle
of the history started then, so its first value counts; one seen in its first minute may have been there before, so its
first value is only where counting begins. So is that of a pod of which it is known that it may have been there: it may
not have been scraped for a while, and all that it ever answered is nothing that it has answered now. A *round* is one
scrape of every pod: it ends when a pod is scraped again. Rounds are what a limit's `checks` counts: two pods scraped a
moment apart are one look, not two.

A thousand rollouts have some hundred thousand scrapes, each counted after every answer: scrapes and rounds are tuples,
which are made three times as fast as frozen dataclasses.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from operator import itemgetter
from typing import NamedTuple

MOST_COUNTED = 2.0**53
"""The greatest number up to which a counter counts every request."""
FIRST_SCRAPE_WITHIN = 60.0
"""Seconds from the start of the history within which the first scrape of a pod that was there before must fall. Pods
are scraped at least that often, and histories begin that long before the time that is judged."""


class Scrape(NamedTuple):
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
    before: frozenset[str] = field(default=frozenset(), compare=False)
    """Pods that may have been there before it begins, whenever they are scraped first."""


class Round(NamedTuple):
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
    for at, more, more_bad, pod in sorted(_increases(history, after), key=itemgetter(0)):
        total += more
        bad += more_bad
        if out and pod not in seen:
            out.pop()
        else:
            seen.clear()
        seen.add(pod)
        out.append(Round(at, total, bad))
    return tuple(out)


def _increases(history: History, after: float) -> Iterable[tuple[float, float, float, str]]:
    """Time of each scrape, requests and bad ones since the one before it, and the pod."""
    for pod in history.pods:
        if not pod.scrapes:
            continue
        name, (before_at, before_total, before_bad) = pod.pod, pod.scrapes[0]
        was_there = before_at - history.since <= FIRST_SCRAPE_WITHIN or name in history.before
        yield (before_at, 0.0, 0.0, name) if was_there else (before_at, before_total, before_bad, name)
        for at, total, bad in pod.scrapes[1:]:
            if before_at < after:
                yield at, 0.0, 0.0, name
            elif total < before_total:  # the process started again from 0
                yield at, total, bad, name
            else:
                more = total - before_total
                yield at, more, min(max(0.0, bad - before_bad), more), name
            before_at, before_total, before_bad = at, total, bad
