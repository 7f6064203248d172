"""What was found, and the figures of it with what each must be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hack.bench.figures import Bound, Figures, rounded
from hack.bench.verdicts.planning import Told
from hack.bench.verdicts.rates import CONSTANT, PRODUCT, Late, Rate
from hack.bench.verdicts.traffic import BASE

BOUNDS: Mapping[str, Bound] = {
    "false_rollback_worst_excess_se": Bound(most=3),
    "requests_to_detect_2x_5k": Bound(most=1180.4),
    "engine_core_share_1000": Bound(most=0.1),
}
"""Detection is bounded by the prototype of the research on the same runs."""


@dataclass(slots=True)
class Found:
    """What was measured so far."""

    rates: list[Rate] = field(default_factory=list)
    late: list[Late] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    core_share: float | None = None


def figures(found: Found) -> Figures:
    """Every figure; None for one that was not measured."""
    worst = max(good(found), key=lambda rate: rate.taken_back, default=None)
    once, often = bad(found, requests=1000), bad(found, requests=5000)
    out: Figures = {
        "false_rollback_worst": worst.taken_back if worst else None,
        "false_rollback_worst_excess_se": worst.excess_se if worst else None,
        "power_2x_1k": once.taken_back if once else None,
        "power_2x_5k": often.taken_back if often else None,
        "requests_to_detect_2x_5k": often.mean_requests if often else None,
        "engine_core_share_1000": found.core_share,
        "plan_error_worst_ratio": max((one.ratio for one in found.told), default=None),
    }
    return rounded(out)


def good(found: Found, method: str = PRODUCT) -> list[Rate]:
    """How often a method takes back versions that are as good as stable."""
    return [rate for rate in found.rates if rate.method == method and rate.bad == BASE]


def bad(found: Found, *, requests: int, method: str = PRODUCT) -> Rate | None:
    """How often it takes back one that fails twice as often."""
    same = (rate for rate in found.rates if rate.scenario == CONSTANT and rate.bad == 2 * BASE)
    return next((rate for rate in same if (rate.method, rate.requests) == (method, requests)), None)
