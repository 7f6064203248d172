"""The counters of candidate and stable, turned into what both did within the same spans of time.

A span ends at a multiple of its length in Prometheus' time, so that every operator cuts at the same moments. What a pod
answered between two scrapes belongs to the span of the second. A span is taken once another one has gone by, when all
of its scrapes are known. It depends on nothing that came after it: asked again, it is the same.

What cannot be told to belong there counts nowhere. A pod's first scrape is only where its counting begins: where
Prometheus has lost its history it holds all that the pod ever answered, and that has been counted before. What a pod
answered while a whole span went by without a scrape of it is left out, and so is a span in which no pod of one of the
two versions counts.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from .counts import FIRST_SCRAPE_WITHIN, History, PodHistory, Scrape
from .odds import MOST_REQUESTS
from .spans import fitting

_JITTER = 0.1
"""Seconds by which scrapes may be further apart than they were meant to be."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What was counted within one span."""

    at: float
    """When it ended, in Unix seconds."""
    candidate: int
    """Requests to the candidate."""
    candidate_bad: int
    """Bad ones among them."""
    stable: int
    """Requests to stable."""
    stable_bad: int
    """Bad ones among them."""


def span_of(
    histories: Iterable[History], *, interval: float, rate: float | None = None, weight: float = 0.5
) -> float | None:
    """Length of the spans in which versions can be compared, in whole seconds.

    The interval that is wanted, or the time between two scrapes where that is longer, or as many of these as fit the
    traffic (`spans.fitting`, which says what `rate` and `weight` are). None while no pod has been scraped three times.
    """
    between = [
        later.at - before.at
        for history in histories
        for pod in history.pods
        if len(pod.scrapes) > 2
        for before, later in pairwise(pod.scrapes)
        if later.at > before.at
    ]
    if not between:
        return None
    shortest = float(math.ceil(max(interval, median(between) - _JITTER)))
    return fitting(shortest, rate=rate, weight=weight)


def looks_back(*, span: float, warmup: float) -> float:
    """Seconds before `after` that a history must begin for `ticks` to say what it says of the whole history."""
    return warmup + FIRST_SCRAPE_WITHIN + 2 * span


def ticks(
    candidate: History, stable: History, *, span: float, warmup: float, after: float, until: float
) -> tuple[Counts, ...]:
    """What was counted in each span that is over, oldest first.

    Args:
        candidate: The scrapes of the candidate's pods; see `looks_back` for how far they reach.
        stable: The same of stable's.
        span: Length of a span, in whole seconds; not shorter than the time between two scrapes.
        warmup: Seconds from its first scrape in which what a new pod answers is left out.
        after: End of the last span that was taken, or the beginning of the attempt, in Unix seconds. Spans that began
            before it are not taken.
        until: When the histories end, in Unix seconds. Spans that ended less than a span before are not taken yet.
    """
    arms = [
        _counted(history, span=span, warmup=warmup, after=after, until=until - span) for history in (candidate, stable)
    ]
    both = sorted(arms[0].keys() & arms[1].keys())
    return tuple(Counts(index * span, *arms[0][index], *arms[1][index]) for index in both)


def _counted(history: History, *, span: float, warmup: float, after: float, until: float) -> dict[int, tuple[int, int]]:
    """Requests and bad ones in each span, by its index; the span with index k ends at k times its length."""
    found: dict[int, tuple[int, int]] = {}
    for pod in history.pods:
        warm_from = _warm_from(pod, since=history.since, warmup=warmup)
        for before, scrape in _pairs(pod.scrapes, after=after):
            index = math.ceil(scrape.at / span)
            if index * span > until:
                break
            unseen = index - math.ceil(before.at / span) > 1
            if (index - 1) * span < after or unseen or before.at < warm_from:
                continue
            total, bad = _increase(before, scrape)
            if 0 <= total <= MOST_REQUESTS:
                known = found.get(index, (0, 0))
                found[index] = (known[0] + total, known[1] + bad)
    return {index: counts for index, counts in found.items() if counts[0] <= MOST_REQUESTS}


def _warm_from(pod: PodHistory, *, since: float, warmup: float) -> float:
    """From when on what a pod answers counts."""
    if not pod.scrapes or pod.scrapes[0].at - since <= FIRST_SCRAPE_WITHIN:
        return -math.inf
    return pod.scrapes[0].at + warmup


def _pairs(scrapes: Sequence[Scrape], *, after: float) -> Iterable[tuple[Scrape, Scrape]]:
    """Scrapes after a moment, each with the one before it."""
    first = max(1, bisect_right(scrapes, after, key=lambda scrape: scrape.at))
    return ((scrapes[at - 1], scrapes[at]) for at in range(first, len(scrapes)))


def _increase(before: Scrape, scrape: Scrape) -> tuple[int, int]:
    """Requests between two scrapes, and bad ones: whole numbers, of which none is lost by rounding."""
    total, bad = round(scrape.total), round(scrape.bad)
    if scrape.total >= before.total:  # otherwise the process started again from 0
        total, bad = total - round(before.total), bad - round(before.bad)
    return total, min(max(0, bad), total)
