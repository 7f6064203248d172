"""How requests divided between two versions, within spans in which nothing but the route can have decided it.

What `ticks` leaves out leaves out good and bad alike, and a comparison is none the worse for it. Here it would look as
if the other version had been sent more. So a span counts only whole: no pod of either version came, started again, or
was not scraped there, nor was any missed that had been scraped within the last minute.

As in `ticks`, a span depends on nothing that came after it.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from .counts import FIRST_SCRAPE_WITHIN, History, PodHistory, Scrape
from .odds import MOST_REQUESTS

GONE_AFTER = FIRST_SCRAPE_WITHIN
"""Seconds without a scrape after which a pod is taken to be gone."""


@dataclass(frozen=True, slots=True)
class Division:
    """The requests of one span."""

    at: float
    """When it ended, in Unix seconds."""
    candidate: int
    stable: int


def divisions(candidate: History, stable: History, *, span: float, after: float, until: float) -> tuple[Division, ...]:
    """How requests divided in each whole span that is over, oldest first.

    Args:
        candidate: The scrapes of the candidate's pods; see `ticks.looks_back` for how far they reach.
        stable: The same of stable's.
        span: Length of a span, in whole seconds.
        after: Spans that began before it are not taken, in Unix seconds.
        until: When the histories end, in Unix seconds. Spans that ended less than a span before are not taken yet.
    """
    first, last = math.ceil(after / span) + 1, math.floor((until - span) / span)
    arms = [_whole(history, span=span, first=first, last=last) for history in (candidate, stable)]
    both = sorted(arms[0].keys() & arms[1].keys())
    return tuple(Division(index * span, arms[0][index], arms[1][index]) for index in both)


def _whole(history: History, *, span: float, first: int, last: int) -> dict[int, int]:
    """Requests in each span in which all pods are known, by its index: that with index k ends at k times its length."""
    found: dict[int, int] = {}
    doubtful: set[int] = set()
    for pod in history.pods:
        counts, missing = _counted(pod, span=span, first=first)
        doubtful |= missing
        for index, count in counts.items():
            found[index] = found.get(index, 0) + count
    return {
        index: count
        for index, count in found.items()
        if first <= index <= last and index not in doubtful and 0 <= count <= MOST_REQUESTS
    }


def _counted(pod: PodHistory, *, span: float, first: int) -> tuple[dict[int, int], set[int]]:
    """Requests to one pod in each span, and the spans in which some of them may be missing."""
    missed = math.ceil(GONE_AFTER / span)
    counts: dict[int, int] = {}
    doubtful: set[int] = set()
    before: Scrape | None = None
    seen = 0
    for scrape in _since(pod.scrapes, (first - missed - 2) * span):
        index = math.ceil(scrape.at / span)
        if before is None:
            doubtful.add(index)
        else:
            doubtful.update(range(seen + 1, min(index, seen + 1 + missed)))
            if index - seen > 1 or scrape.total < before.total:
                doubtful.add(index)
            counts[index] = counts.get(index, 0) + round(scrape.total) - round(before.total)
        before, seen = scrape, index
    if before is not None:
        doubtful.update(range(seen + 1, seen + 1 + missed))
    return counts, doubtful


def _since(scrapes: Sequence[Scrape], at: float) -> Sequence[Scrape]:
    return scrapes[bisect_left(scrapes, at, key=lambda scrape: scrape.at) :]
