"""Raw counters as Prometheus gives them, read as histories: whoever counted, and however he calls it.

Counters that differ in a label that nobody asks for are added up for each moment at which a pod was scraped. A number
that no counter of requests can have, negative or greater than `MOST_COUNTED` or none at all, makes the whole scrape of
its pod one that was never taken: without that one counter the others would look as if the pod had started again.
"""

import math
import re
from collections.abc import Callable, Hashable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import TypeVar

from ..analysis.counts import MOST_COUNTED, History, PodHistory, Scrape
from .client import Series

Pods = dict[str, dict[str, dict[float, float]]]
"""pod → value of the label → time → sum of the counters; NaN where one of them has no number that counts."""


def matcher(label: str, values: Iterable[str]) -> str:
    """A matcher for any of the values, none of which can end the string or mean more than itself."""
    pattern = "|".join(sorted({re.escape(value) for value in values}))
    quoted = pattern.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'{label}=~"{quoted}"'


def edge_matcher(edges: AbstractSet[float], *, per_second: float = 1.0) -> str:
    """A matcher for the buckets of these edges, in seconds, however they are spelled, and for what counts all requests.

    `per_second` is how many of the histogram's units a second has.
    """
    in_units = [round(edge * per_second, 6) for edge in edges]
    whole = {str(int(edge)) for edge in in_units if edge.is_integer()}
    return matcher("le", {"+Inf", *whole, *(text for edge in in_units for text in (f"{edge:g}", str(edge)))})


Who = TypeVar("Who", bound=Hashable)


def by_pod(
    series: Iterable[Series],
    label: str,
    *,
    who: Callable[[Mapping[str, str]], Who],
    pod: Callable[[Mapping[str, str]], str],
    wanted: Callable[[str], bool] = lambda _: True,
) -> dict[Who, Pods]:
    """The samples by whom they tell of, pod and value of a label; the values that are not wanted have no samples."""
    out: dict[Who, Pods] = {}
    counts: dict[str, bool] = {}
    for one in series:
        told = one.labels.get(label, "")
        sums = out.setdefault(who(one.labels), {}).setdefault(pod(one.labels), {}).setdefault(told, {})
        if told not in counts:
            counts[told] = wanted(told)
        if not counts[told]:
            continue
        counted = [value for _, value in one.samples]
        together = sum(counted)  # NaN where one of them is
        if counted and min(counted) >= 0 and together <= MOST_COUNTED:
            if not sums:
                sums.update(one.samples)
                continue
            if together == 0 and all(at in sums for at, _ in one.samples):
                continue  # most codes never come
        for at, value in one.samples:
            sums[at] = sums.get(at, 0.0) + (value if 0 <= value <= MOST_COUNTED else math.nan)
    return out


def errors(pods: Pods) -> tuple[PodHistory, ...]:
    """All requests, and those answered with a 5xx code, by the code or by its class."""
    return tuple(PodHistory(pod=pod, scrapes=_errors(codes)) for pod, codes in pods.items())


def _errors(codes: Mapping[str, Mapping[float, float]]) -> tuple[Scrape, ...]:
    total = dict.fromkeys(sorted(set().union(*codes.values())), 0.0)
    bad = total.copy()
    for code, sums in codes.items():
        if not any(sums.values()):
            continue  # most codes never come
        for at, count in sums.items():
            total[at] += count
        if code.startswith("5"):
            for at, count in sums.items():
                bad[at] += count
    scrapes = tuple(map(Scrape, total, total.values(), bad.values()))
    if all(count <= MOST_COUNTED for count in total.values()):
        return scrapes
    return tuple(scrape for scrape in scrapes if scrape.total <= MOST_COUNTED)


def slower(pods: Pods, *, wanted: AbstractSet[float], since: float, per_second: float = 1.0) -> dict[float, History]:
    """For each edge there is, in seconds: all requests, and those slower than it, where it is wanted."""
    spelled = {text: float(text) / per_second for pod in pods.values() for text in pod if is_edge(text)}
    return {
        edge: History(
            since=since,
            pods=tuple(_slower_than(pod, sums, edge, spelled) for pod, sums in pods.items()) if edge in wanted else (),
        )
        for edge in sorted(set(spelled.values()))
    }


def _slower_than(
    pod: str, sums: Mapping[str, Mapping[float, float]], edge: float, spelled: Mapping[str, float]
) -> PodHistory:
    everything = sums.get("+Inf", {})
    within = next((counts for text, counts in sums.items() if spelled.get(text) == edge), {})
    return PodHistory(
        pod=pod,
        scrapes=tuple(
            Scrape(at=at, total=total, bad=total - within[at])
            for at, total in sorted(everything.items())
            if within.get(at, math.nan) <= total <= MOST_COUNTED
        ),
    )


def is_edge(text: str) -> bool:
    """Whether a bucket is one of those with an end."""
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
