"""How far predictions or inputs have moved: the population stability index, without its bias, with an interval.

Two samples of the same population have an index above 0: with ten bins and 50 requests about 0.18, by itself a
"moderate shift". Its distribution is known: scaled by n·m/(n+m), about noncentral chi-square with one degree of freedom
less than bins. From it come the bias that is taken off and an interval. For the end of a step, not for every tick:
it holds for one look, and looks must share what they may err (`part_of_alpha`).

Source: Yurdakul & Naranjo 2020, *Statistical properties of the population stability index*, Journal of Risk Model
Validation 14(4), for the bias; the interval inverts the noncentral distribution.
"""

from dataclasses import dataclass
from math import pi

import numpy as np
from scipy.optimize import brentq
from scipy.stats import chi2, ncx2

from .odds import IntArray

LEAST = 200
"""Requests in each sample that are needed; ten per bin where that is more."""


@dataclass(frozen=True, slots=True)
class Drift:
    """The index of two samples: 0 where the populations are the same; customs call 0.1 moderate and 0.25 great."""

    index: float
    """As it is usually computed, half a request added to each bin."""
    corrected: float
    """Without its bias; below 0 by chance where nothing moved."""
    low: float
    """Lower end of the interval, at least 0."""
    high: float


def drift(sample: IntArray, reference: IntArray, *, confidence: float = 0.9) -> Drift | None:
    """The index of two samples in the same bins; None with too few requests in either.

    Args:
        sample: Requests in each bin, shape (bins,), at least two bins. Bins must be fixed beforehand.
        reference: The same of what it is compared with.
        confidence: Of the interval, two-sided: its lower end alone errs half as often as 1 - confidence.

    Raises:
        ValueError: The shapes differ, there are fewer than two bins, or a count is negative.
    """
    if sample.shape != reference.shape or sample.ndim != 1 or sample.size < 2 or min(sample.min(), reference.min()) < 0:
        raise ValueError("expected two rows of counts in the same bins, at least two")
    bins, n, m = sample.size, int(sample.sum()), int(reference.sum())
    if min(n, m) < max(LEAST, 10 * bins):
        return None
    p, q = (sample + 0.5) / (n + 0.5 * bins), (reference + 0.5) / (m + 0.5 * bins)
    index = float(((p - q) * np.log(p / q)).sum())
    scale = n * m / (n + m)
    return Drift(
        index=index,
        corrected=index - (bins - 1) / scale,
        low=_noncentrality(index * scale, bins - 1, below=(1 + confidence) / 2) / scale,
        high=_noncentrality(index * scale, bins - 1, below=(1 - confidence) / 2) / scale,
    )


def part_of_alpha(alpha: float, *, look: int) -> float:
    """What one look, counted from 1, may err so that all together err at most alpha, however many there will be."""
    return alpha * 6 / (pi * look) ** 2


def _noncentrality(value: float, freedom: int, *, below: float) -> float:
    """The noncentrality at which a value as great or less has a probability; 0 where even 0 makes it rarer."""
    if chi2.cdf(value, freedom) <= below:
        return 0.0
    return float(brentq(lambda nc: ncx2.cdf(value, freedom, nc) - below, 1e-9, 4 * value + 100))
