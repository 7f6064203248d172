"""When a limit was first exceeded, recomputed from raw counter samples; and when the route answered with weight 0.

The operator decides on PromQL or on its own counts; this module shares nothing with it. A counter starts at 0
before its first sample and starts again at 0 when its value falls, as Prometheus has it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from hack.demo.record import RouteState

Sample = tuple[float, float]
Series = Sequence[Sample]


@dataclass(frozen=True, slots=True)
class Limit:
    """A ratio of bad to all requests that must not be exceeded.

    Attributes:
        above: The greatest ratio that is still good.
        window: Seconds of the past that count.
        min_requests: Below this number of requests in the window there is no judgement.
    """

    above: float
    window: float
    min_requests: int


def risen(series: Series) -> Series:
    """The same samples as a total that never falls: what a counter has counted since before its first sample."""
    total, last, out = 0.0, 0.0, []
    for at, value in series:
        total += value - last if value >= last else value
        last = value
        out.append((at, total))
    return out


def level(series: Series, at: float) -> float:
    """The value of a risen series at a moment: that of its newest sample, 0 before the first."""
    index = bisect_right(series, at, key=lambda sample: sample[0])
    return series[index - 1][1] if index else 0.0


def increase(series: Iterable[Series], *, start: float, end: float) -> float:
    """How much risen series rose together between two moments."""
    return sum(level(one, end) - level(one, start) for one in series)


def first_breach(*, bad: Iterable[Series], total: Iterable[Series], limit: Limit) -> float | None:
    """The first scrape at which the limit, its minimum of requests included, is exceeded; None when there is none."""
    bads, totals = [risen(one) for one in bad], [risen(one) for one in total]
    scrapes = sorted({at for one in totals for at, _ in one})
    for at in scrapes:
        requests = increase(totals, start=at - limit.window, end=at)
        if requests < max(limit.min_requests, 1):
            continue
        if increase(bads, start=at - limit.window, end=at) / requests > limit.above:
            return at
    return None


def weight_of(route: RouteState, version: str, services: Mapping[str, str]) -> float:
    """Percent of the traffic that a route sends to a version."""
    return sum(weight for service, weight in route.weights.items() if services.get(service) == version)


def weight_zero_at(routes: Sequence[RouteState], version: str, services: Mapping[str, str]) -> float | None:
    """When the route was first seen at weight 0 for a version, for good; None when it never had any or still has."""
    zero: float | None = None
    had = False
    for route in routes:
        if weight_of(route, version, services) > 0:
            had, zero = True, None
        elif had and zero is None:
            zero = route.at
    return zero
