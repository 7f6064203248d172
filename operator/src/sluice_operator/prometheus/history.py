"""Evidence that grows: what was known of a version, and what an answer about the last seconds adds to it."""

from collections.abc import Iterable

from ..analysis.counts import History, PodHistory, Scrape
from ..analysis.gates import Evidence


def extended(known: Evidence, news: Evidence, *, since: float) -> Evidence:
    """Evidence from `since` on, in Unix seconds, of which the later part was asked for anew; that part counts."""
    edges = known.slower.keys() | news.slower.keys()
    nothing = History(since=since, pods=())
    return Evidence(
        errors=_extended(known.errors, news.errors, since),
        slower={
            edge: _extended(known.slower.get(edge, nothing), news.slower.get(edge, nothing), since) for edge in edges
        },
    )


def _extended(known: History, news: History, since: float) -> History:
    old = {pod.pod: pod.scrapes for pod in known.pods}
    new = {pod.pod: pod.scrapes for pod in news.pods}
    pods = (PodHistory(pod, tuple(_joined(old.get(pod, ()), new.get(pod, ()), since))) for pod in {**old, **new})
    return History(since=max(known.since, since), pods=tuple(pod for pod in pods if pod.scrapes))


def _joined(old: Iterable[Scrape], new: tuple[Scrape, ...], since: float) -> Iterable[Scrape]:
    first = new[0].at if new else float("inf")
    yield from (scrape for scrape in old if since <= scrape.at < first)
    yield from new
