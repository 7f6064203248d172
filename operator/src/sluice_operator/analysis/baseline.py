"""What stable did before an attempt began: how many requests it had, and how far bad ones are from independent ones.

The latter is measured among its own pods, which differ in nothing, in spans as long as those that will be compared.
"""

from itertools import pairwise

import numpy as np

from .counts import History, PodHistory
from .dispersion import dispersion
from .odds import MOST_REQUESTS, IntArray

_LEAST_SECONDS = 60.0
"""How long a version must have been scraped for its traffic to be known."""


def measured_dispersion(history: History, *, span: float, since: float, until: float) -> float:
    """Variance of bad requests over that of independent ones, from a version's history; see `dispersion`.

    Args:
        history: The scrapes of stable's pods.
        span: Length of a span, in seconds.
        since: Nothing that was scraped earlier counts, in Unix seconds.
        until: Nothing that was scraped later counts, in Unix seconds.
    """
    pods = [_increases(pod, span=span, since=since, until=until) for pod in history.pods]
    nothing = np.zeros(0, dtype=np.int64)
    spans, places = np.unique(np.concatenate([nothing, *(at for at, _, _ in pods)]), return_inverse=True)
    total, bad = (np.zeros((len(spans), len(pods)), dtype=np.int64) for _ in range(2))
    first = 0
    for number, (at, totals, bads) in enumerate(pods):
        rows = places[first : first + len(at)]
        np.add.at(total[:, number], rows, totals)
        np.add.at(bad[:, number], rows, bads)
        first += len(at)
    return dispersion(bad, total)


def measured_rate(history: History, *, since: float, until: float) -> float | None:
    """Requests per second to a version; None where it was not scraped for a minute at least.

    Args:
        history: The scrapes of its pods.
        since: Nothing that was scraped earlier counts, in Unix seconds.
        until: Nothing that was scraped later counts, in Unix seconds.
    """
    total, times = 0.0, []
    for pod in history.pods:
        scrapes = [scrape for scrape in pod.scrapes if since <= scrape.at <= until]
        times += [scrape.at for scrape in scrapes]
        for before, later in pairwise(scrapes):
            again = later.total < before.total  # the process started again from 0
            total += later.total if again else later.total - before.total
    lasted = max(times) - min(times) if times else 0.0
    return total / lasted if lasted >= _LEAST_SECONDS else None


def _increases(pod: PodHistory, *, span: float, since: float, until: float) -> tuple[IntArray, IntArray, IntArray]:
    """Index of the span, requests and bad ones of each scrape but the first, as `ticks` has them."""
    scrapes = [scrape for scrape in pod.scrapes if since <= scrape.at <= until]
    if len(scrapes) < 2:
        nothing = np.zeros(0, dtype=np.int64)
        return nothing, nothing, nothing
    at = np.ceil(np.array([scrape.at for scrape in scrapes]) / span)
    counters = np.rint(np.array([(scrape.total, scrape.bad) for scrape in scrapes]))
    again = counters[1:, 0] < counters[:-1, 0]  # the process started again from 0
    total, bad = np.where(again[:, None], counters[1:], np.diff(counters, axis=0)).T
    counts = (np.diff(at) <= 1) & (total >= 0) & (total <= MOST_REQUESTS)
    total, bad = total[counts], np.clip(bad[counts], 0, total[counts])
    return at[1:][counts].astype(np.int64), total.astype(np.int64), bad.astype(np.int64)
