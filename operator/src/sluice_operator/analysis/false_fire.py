"""How probably a limit takes a good version back, and how bad one must be to be taken back by it.

A limit asks at every scrape, over a window that moves: thousands of questions within a rollout, most of which share
their requests. Requests are drawn as they would come, and the rule of `gates` is applied to them. The generator is
seeded by the caller.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from .odds import BoolArray, IntArray
from .simulation import Step

_AT_ONCE = 1_000_000
"""Counts that are held in memory at once."""
_CAUGHT = 0.8
"""The chance with which harm that is called caught is."""
_LEAST_SHARE, _HALVINGS, _CATCHING_RUNS = 1e-4, 8, 100
"""Where the search for it begins, how often it is halved (in its logarithm), and the runs of each look."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """A limit on the share of bad requests, as `Limit` of the API has it.

    Raises:
        ValueError: A number is out of the range that its field states.
    """

    above: float
    """The limit, 0 to less than 1."""
    window: float
    """Seconds that are looked back, at least an interval."""
    checks: int
    """Scrapes in a row that must be over the limit, at least 1."""
    min_requests: int
    """Requests within the window without which there is no verdict, at least 1."""

    def __post_init__(self) -> None:
        if not (0 <= self.above < 1 and self.window > 0 and self.checks >= 1 and self.min_requests >= 1):
            raise ValueError("expected a limit from 0 to less than 1, a window, and at least one check and request")


@dataclass(frozen=True, slots=True)
class Looks:
    """When a limit is asked, and of how many requests."""

    steps: Sequence[Step]
    """Weights and holds."""
    rate: float
    """Requests per second to the model."""
    interval: float
    """Seconds between scrapes."""


def chance_to_fire(threshold: Threshold, looks: Looks, *, bad: float, runs: int, seed: int) -> float:
    """Share of runs in which a limit fires before the holds of all steps are over, 0 to 1.

    Args:
        threshold: The limit.
        looks: When it is asked.
        bad: The version's share of bad requests, 0 to 1.
        runs: How many times the rollout is run: the standard error is at most 1 / (2 sqrt(runs)).
        seed: Of the generator.

    Time is proportional to runs, and to the scrapes within the rollout.
    """
    generator = np.random.default_rng(seed)
    scrapes = [max(1, round(step.hold / looks.interval)) for step in looks.steps]
    mean = np.repeat([looks.rate * step.weight * looks.interval for step in looks.steps], scrapes)
    together = max(1, _AT_ONCE // mean.size)
    fired = 0
    for first in range(0, runs, together):
        total = generator.poisson(mean, size=(min(together, runs - first), mean.size))
        fired += int(_fires(threshold, generator.binomial(total, bad), total, interval=looks.interval).sum())
    return fired / runs


def least_caught(threshold: Threshold, looks: Looks, *, seed: int) -> float | None:
    """About the least share of bad requests that a limit catches four times in five, 0 to 1; None where none is.

    Args:
        threshold: The limit.
        looks: When it is asked.
        seed: Of the generator.
    """

    def catches(share: float) -> bool:
        return chance_to_fire(threshold, looks, bad=share, runs=_CATCHING_RUNS, seed=seed) >= _CAUGHT

    low, high = max(threshold.above, _LEAST_SHARE), 1.0
    if not catches(high):
        return None
    for _ in range(_HALVINGS):
        middle = sqrt(low * high)
        low, high = (low, middle) if catches(middle) else (middle, high)
    return high


def _fires(threshold: Threshold, bad: IntArray, total: IntArray, *, interval: float) -> BoolArray:
    """Which runs have as many scrapes in a row over the limit as it takes."""
    back = max(1, round(threshold.window / interval))
    all_, bad_ = _moving(total, back), _moving(bad, back)
    over = (all_ >= threshold.min_requests) & (bad_ > threshold.above * all_)
    in_a_row = _moving(over.astype(np.int64), threshold.checks)
    return np.asarray((in_a_row == threshold.checks).any(axis=1))


def _moving(counts: IntArray, back: int) -> IntArray:
    """Sum of each entry and those before it, `back` in all; fewer where the row begins."""
    sums = np.cumsum(counts, axis=1)
    sums[:, back:] -= sums[:, :-back].copy()
    return sums
