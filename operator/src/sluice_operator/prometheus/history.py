"""Evidence that grows: what was known of a version, and what an answer about the last seconds adds to it.

Pods that have been seen are remembered when their scrapes are too old to be kept: one that comes back after a while
without scrapes has not answered all that it counts since.
"""

import math
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

from ..analysis.counts import History, PodHistory, Scrape
from ..analysis.gates import Evidence
from ..analysis.limits import SCRAPED_WITHIN

OVERLAP = 15
"""Seconds asked for anew of what is known: a scrape takes a while until all of Prometheus has it."""
MOST_BACK = 3600.0
"""Seconds that are asked for at most, however far back a history is wanted."""
_STEP = 5.0
_JITTER = 0.5
_FURTHEST = 300.0
"""Prometheus itself forgets what was not scraped for so long."""


def scraped_every(known: Evidence | None) -> float:
    """Seconds between two scrapes as they usually were, five minutes at most; of several that count, the rarest.

    In steps of five seconds, so that a scrape that comes a little late changes nothing; five while nothing is known, a
    minute after a single one.
    """
    if known is None:
        return _STEP
    histories = [known.errors, *([known.gateway.errors] if known.gateway else ())]
    return max(map(_every, histories))


def _every(history: History) -> float:
    scrapes = max((pod.scrapes for pod in history.pods), key=len, default=())
    if len(scrapes) < 2:
        return SCRAPED_WITHIN if scrapes else _STEP
    between = sorted(later.at - before.at for before, later in pairwise(scrapes))[(len(scrapes) - 1) // 2]
    return min(max(_STEP, math.ceil((between - _JITTER) / _STEP) * _STEP), _FURTHEST)


def extended(known: Evidence, news: Evidence, *, since: float) -> Evidence:
    """Evidence from `since` on, in Unix seconds, of which the later part was asked for anew; that part counts."""
    edges = known.slower.keys() | news.slower.keys()
    nothing = History(since=since, pods=(), before=known.errors.before)
    return Evidence(
        errors=_extended(known.errors, news.errors, since),
        slower={
            edge: _extended(known.slower.get(edge, nothing), news.slower.get(edge, nothing), since) for edge in edges
        },
        gateway=extended(known.gateway, news.gateway, since=since) if known.gateway and news.gateway else news.gateway,
    )


def marked(found: Evidence, known: Evidence | None) -> Evidence:
    """Evidence that was asked for as a whole, with the pods that may have been there before; `known` is what was known.

    While nothing was known of a version, any pod may have been.
    """
    slower, gateway = found.slower, found.gateway
    of_edges = {edge: known.slower.get(edge, known.errors) if known else None for edge in slower}
    return replace(
        found,
        errors=_marked(found.errors, known.errors if known else None),
        slower={edge: _marked(history, of_edges[edge]) for edge, history in slower.items()},
        gateway=marked(gateway, known.gateway if known else None) if gateway else None,
    )


def _extended(known: History, news: History, since: float) -> History:
    old = {pod.pod: pod.scrapes for pod in known.pods}
    new = {pod.pod: pod.scrapes for pod in news.pods}
    pods = (PodHistory(pod, tuple(_joined(old.get(pod, ()), new.get(pod, ()), since))) for pod in {**old, **new})
    begins = max(known.since, since)
    return History(since=begins, pods=tuple(pod for pod in pods if pod.scrapes), before=_before(known, begins))


def _marked(found: History, known: History | None) -> History:
    before = frozenset(pod.pod for pod in found.pods) if known is None else _before(known, found.since)
    return replace(found, before=before)


def _before(known: History, begins: float) -> frozenset[str]:
    """The pods that were there before a history begins, or may have been."""
    more = [pod.pod for pod in known.pods if pod.pod not in known.before and pod.scrapes and pod.scrapes[0].at < begins]
    return known.before.union(more) if more else known.before


def _joined(old: Iterable[Scrape], new: tuple[Scrape, ...], since: float) -> Iterable[Scrape]:
    first = new[0].at if new else float("inf")
    yield from (scrape for scrape in old if since <= scrape.at < first)
    yield from new
