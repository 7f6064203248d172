"""How far bad requests are from independent, from stable's own history.

Failures come in bursts: one slow disk, one client with a bad payload. They then vary more than independent ones would,
and a test that takes them for independent rolls back good versions. The factor is measured where nothing differs: among
the pods of stable, tick by tick. What a comparison sees is divided by it.

With independent failures the estimate is 1 on average, exactly, whatever the rates and the loads of the pods. Ratio of
sums, not mean of ratios: a tick with a single failure cannot show a burst, and must not count as much as one with many.
Source: McCullagh & Nelder 1989, section 4.5, with the conditional (hypergeometric) variance.
"""

import numpy as np

from .eprocess import UNKNOWN_DISPERSION
from .odds import FloatArray, IntArray

ENOUGH_TICKS = 30
"""Ticks with bad requests, and at least two pods with requests, that are needed."""


def dispersion(bad: IntArray, total: IntArray) -> float:
    """Variance of bad requests over that of independent ones; at least 1, and 2 with too little history.

    Args:
        bad: Bad requests of each of stable's pods, shape (ticks, pods).
        total: Requests of each, the same shape; 0 where a pod was not there.

    Raises:
        ValueError: The shapes differ, or a count is negative, or more are bad than there were.
    """
    if bad.shape != total.shape or bad.ndim != 2 or ((bad < 0) | (bad > total)).any():
        raise ValueError("expected 0 <= bad <= total, of shape (ticks, pods)")
    x, n = bad.astype(float), total.astype(float)
    all_bad, everything = x.sum(axis=1, keepdims=True), n.sum(axis=1, keepdims=True)
    share = _divided(all_bad, everything)
    variance = n * share * (1 - share) * _divided(everything - n, everything - 1)
    if np.count_nonzero(variance.sum(axis=1) > 0) < ENOUGH_TICKS:
        return UNKNOWN_DISPERSION
    return max(1.0, float(((x - n * share) ** 2).sum() / variance.sum()))


def _divided(part: FloatArray, whole: FloatArray) -> FloatArray:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
