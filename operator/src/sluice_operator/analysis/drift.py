"""How far predictions or inputs have moved: the population stability index, without its bias, with an interval.

Two samples of the same population have an index above 0: with ten bins and 50 requests about 0.18, by itself a
"moderate shift". Its distribution is known: scaled by n·m/(n+m), about noncentral chi-square with one degree of freedom
less than bins. From it come the bias that is taken off and an interval. Where requests come in flocks the index is as
many times greater as they vary more than independent ones; that is divided out, and as it is measured itself,
noncentral F takes the place of chi-square. It holds for one look, and looks must share what they may err
(`part_of_alpha`).

Source: Yurdakul & Naranjo 2020, *Statistical properties of the population stability index*, Journal of Risk Model
Validation 14(4), for the bias; the interval inverts the noncentral distribution. Rao & Scott 1981, *The analysis of
categorical data from complex sample surveys*, JASA 76, for dividing by the dispersion.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, pi

import numpy as np
from scipy.special import chdtr, chndtr, fdtr, ncfdtr

from .odds import IntArray

LEAST = 200
"""Requests in each sample that are needed; ten per bin where that is more."""
_FURTHEST = 1e7
"""A noncentrality that nothing that can be counted reaches."""
_EXACT = 1e-9
"""Part of a noncentrality by which it may be wrong."""


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


@dataclass(frozen=True, slots=True)
class Dispersion:
    """How much more requests vary than independent ones."""

    ratio: float = 1.0
    """Of the variances; less than 1 counts as 1."""
    freedom: float = inf
    """Degrees of freedom with which that was measured; infinite where it is known."""


INDEPENDENT = Dispersion()
"""Of requests that do not come in flocks."""


def drift(
    sample: IntArray,
    reference: IntArray,
    *,
    low_errs: float = 0.05,
    high_errs: float = 0.05,
    dispersion: Dispersion = INDEPENDENT,
) -> Drift | None:
    """The index of two samples in the same bins; None with too few requests in either.

    Args:
        sample: Requests in each bin, shape (bins,), at least two bins. Bins must not depend on which sample is which.
        reference: The same of what it is compared with.
        low_errs: Chance that the lower end of the interval is above the truth.
        high_errs: Chance that its upper end is below the truth.
        dispersion: Of the requests of both samples.

    Raises:
        ValueError: The shapes differ, there are fewer than two bins, or a count is negative.
    """
    if sample.shape != reference.shape or sample.ndim != 1 or sample.size < 2 or min(sample.min(), reference.min()) < 0:
        raise ValueError("expected two rows of counts in the same bins, at least two")
    bins, n, m = sample.size, int(sample.sum()), int(reference.sum())
    if min(n, m) < needed(bins):
        return None
    p, q = (sample + 0.5) / (n + 0.5 * bins), (reference + 0.5) / (m + 0.5 * bins)
    index = float(((p - q) * np.log(p / q)).sum())
    scale = n * m / (n + m) / max(1.0, dispersion.ratio)
    ends = [_noncentrality(index * scale, bins - 1, dispersion.freedom, below=at) for at in (1 - low_errs, high_errs)]
    return Drift(index=index, corrected=index - (bins - 1) / scale, low=ends[0] / scale, high=ends[1] / scale)


def needed(bins: int) -> int:
    """Requests in each sample without which nothing can be said."""
    return max(LEAST, 10 * bins)


def part_of_alpha(alpha: float, *, look: int) -> float:
    """What one look, counted from 1, may err so that all together err at most alpha, however many there will be."""
    return alpha * 6 / (pi * look) ** 2


def _noncentrality(value: float, freedom: int, measured: float, *, below: float) -> float:
    """The noncentrality at which a value as great or less has a probability; 0 where even 0 makes it rarer."""
    if _central(value, freedom, measured) <= below:
        return 0.0
    chance = _noncentral(value, freedom, measured)
    least, most = 0.0, 4 * value + 100
    while chance(most) > below and most < _FURTHEST:  # with few degrees of freedom it may lie far away
        least, most = most, most * 4
    if chance(most) > below:
        return most
    while most - least > _EXACT * most:
        middle = (least + most) / 2
        least, most = (middle, most) if chance(middle) > below else (least, middle)
    return (least + most) / 2


def _central(value: float, freedom: int, measured: float) -> float:
    return float(chdtr(freedom, value) if measured == inf else fdtr(freedom, measured, value / freedom))


def _noncentral(value: float, freedom: int, measured: float) -> Callable[[float], float]:
    """The chance of a value as great or less, by the noncentrality; less than can be told apart from 0 is 0."""
    if measured == inf:
        return lambda nc: float(np.nan_to_num(chndtr(value, freedom, nc)))
    return lambda nc: float(np.nan_to_num(ncfdtr(freedom, measured, nc, value / freedom)))
