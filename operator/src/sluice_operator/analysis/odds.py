"""The likelihood of one tick: how its bad requests divide between the candidate and stable.

Given how many requests were bad in all, the candidate's part of them follows Fisher's noncentral hypergeometric
distribution. Its one parameter is the odds ratio: the odds that a request to the candidate is bad, over the same odds
for stable. Neither the rate of bad requests nor the weights of that tick appear in it, so ticks with different rates
and weights may be added up; pooled counts may not (Simpson's paradox).

Source: Fisher 1935, *The logic of inductive inference*; Cornfield 1956 for the approximate mean. Only the ratio to the
likelihood at an odds ratio of 1 is kept. The cost of a row has a bound that no number of requests exceeds.
"""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, logsumexp

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

LOG_GRID: FloatArray = np.linspace(-4, 5, 73) * np.log(2)
"""Logarithms of the odds ratios that every comparison follows: 1/16 to 32, eight to a doubling. Shape (73,)."""
EQUAL = 32
"""Index in the grid of the odds ratio 1."""
MOST_REQUESTS = 10**9
"""Requests that one tick may count at most, in each arm."""

_WIDTHS = (8, 32, 128, 512, 2048)
"""Rows are computed together with others that have about as many possible outcomes."""
_BLOCK = 128
"""Outcomes that are added up without logarithms: 32 to this power is well within a double's range."""
_POWERS: FloatArray = np.exp(np.arange(_BLOCK)[:, None] * LOG_GRID)
_AT_ONCE = 1 << 18
"""Outcomes that are held in memory at once."""
_NODES = np.arange(-64, 65)


@dataclass(frozen=True, slots=True)
class Tick:
    """What was counted within one tick. A row is one comparison of one rollout; every array has shape (rows,).

    A row in which either arm has no requests says nothing: a missing tick is a row of zeros.

    Raises:
        ValueError: The arrays differ in shape, or a count is negative, more than there were requests, or more than
            `MOST_REQUESTS`.
        TypeError: Counts are not whole numbers.
    """

    at: FloatArray
    """When the tick ended, in seconds; a row takes no tick twice, nor an older one."""
    candidate: IntArray
    """Requests to the candidate."""
    candidate_bad: IntArray
    """Bad ones among them."""
    stable: IntArray
    """Requests to stable within the same tick."""
    stable_bad: IntArray
    """Bad ones among them."""

    def __post_init__(self) -> None:
        if len({getattr(self, field.name).shape for field in fields(self)}) > 1 or self.at.ndim != 1:
            raise ValueError("the arrays of a tick must have one dimension, and the same length")
        for total, bad in ((self.candidate, self.candidate_bad), (self.stable, self.stable_bad)):
            if not (np.issubdtype(total.dtype, np.integer) and np.issubdtype(bad.dtype, np.integer)):
                raise TypeError("requests are whole numbers")
            if ((bad < 0) | (bad > total) | (total > MOST_REQUESTS)).any():
                raise ValueError(f"expected 0 <= bad <= requests <= {MOST_REQUESTS}")


def log_likelihood_ratios(tick: Tick, own: FloatArray) -> FloatArray:
    """Logarithm of each odds ratio's likelihood, divided by that of an odds ratio of 1.

    Args:
        tick: What was counted, `rows` comparisons.
        own: Logarithms of the odds ratios that each row follows beside the grid, shape (rows, k).

    Returns:
        Shape (rows, 73 + k): the grid's, then the row's own. Zeros in a row that says nothing.
    """
    bad = tick.candidate_bad + tick.stable_bad
    low = np.maximum(0, bad - tick.stable)
    outcomes = np.minimum(bad, tick.candidate) - low + 1
    out = np.zeros((len(bad), len(LOG_GRID) + own.shape[1]))
    below = 1
    for width in _WIDTHS:
        rows = np.flatnonzero((outcomes > below) & (outcomes <= width))
        for part in np.array_split(rows, -(-rows.size * width // _AT_ONCE)) if rows.size else ():
            norm = _all_outcomes(tick.candidate[part], tick.stable[part], bad[part], width=width, own=own[part])
            out[part] = _times(tick.candidate_bad[part] - low[part], own[part]) - norm
        below = width
    for row in np.flatnonzero(outcomes > below):
        log_odds = np.concatenate([LOG_GRID, own[row]])
        norm = _some_outcomes(int(tick.candidate[row]), int(tick.stable[row]), int(bad[row]), log_odds)
        out[row] = tick.candidate_bad[row] * log_odds - (norm - norm[EQUAL])
    return out


def _times(count: IntArray, own: FloatArray) -> FloatArray:
    """Count times each log odds ratio, the grid's and the row's own."""
    return np.hstack([count[:, None] * LOG_GRID, count[:, None] * own])


def _all_outcomes(candidate: IntArray, stable: IntArray, bad: IntArray, *, width: int, own: FloatArray) -> FloatArray:
    """Log of the distribution's normaliser over that at an odds ratio of 1, counted from the least outcome.

    Neighbouring weights differ by a simple factor, which is 0 behind the last outcome. All terms are positive: the sum
    over a block of outcomes is a matrix product without loss of digits.
    """
    n, m, t = (counts[:, None].astype(float) for counts in (candidate, stable, bad))
    j = np.maximum(0.0, t - m) + np.arange(width - 1)
    with np.errstate(divide="ignore"):
        factor = np.log(np.maximum(0, n - j) * np.maximum(0, t - j) / ((j + 1) * (m - t + j + 1)))
    log_weight = np.hstack([np.zeros_like(n), np.cumsum(factor, axis=1)])
    norm = _added_up(log_weight, own)
    return norm - norm[:, [EQUAL]]


def _added_up(log_weight: FloatArray, own: FloatArray) -> FloatArray:
    """Log of the sum of weights times each odds ratio to the power of their place, the grid's and the row's own."""
    rows, width = log_weight.shape
    size = min(width, _BLOCK)
    blocks = log_weight.reshape(rows, -1, size)
    top = blocks.max(axis=2, keepdims=True)
    top[np.isneginf(top)] = 0.0
    weight = np.exp(blocks - top)
    powers = np.exp(np.arange(size)[:, None] * own[:, None, :])
    sums = np.concatenate([weight @ _POWERS[:size], weight @ powers], axis=2)
    with np.errstate(divide="ignore"):
        log_sums: FloatArray = np.log(sums) + top
    if log_sums.shape[1] == 1:
        return log_sums[:, 0]
    starts = np.arange(0, width, size)[:, None]
    log_odds = np.hstack([np.broadcast_to(LOG_GRID, (rows, LOG_GRID.size)), own])
    total: FloatArray = logsumexp(log_sums + starts * log_odds[:, None, :], axis=1)
    return total


def _some_outcomes(candidate: int, stable: int, bad: int, log_odds: FloatArray) -> FloatArray:
    """Log of the normaliser of one row at each odds ratio, where there are too many outcomes to add up all.

    Every third of a standard deviation, one outcome stands for its neighbours. The distribution is that of a sum of
    independent trials (its generating function has real roots alone), so a step s leaves out at most
    2 exp(-sd² (1 - cos(2π/s))) of the sum for each harmonic: less than the rounding of a double. Below six standard
    deviations' width, the step is 1 and every outcome counts.
    """
    odds = np.exp(log_odds)
    span = odds * (candidate + bad) + (stable - bad)
    mean = 2 * odds * candidate * bad / (span + np.sqrt(span**2 - 4 * (odds - 1) * odds * candidate * bad))
    cells = np.stack([mean, candidate - mean, bad - mean, stable - bad + mean])
    step = np.maximum(1.0, np.sqrt(1 / (1 / np.maximum(cells, 1e-9)).sum(axis=0)) // 3)
    j = np.rint(mean)[:, None] + step[:, None] * _NODES
    outside = (j < max(0, bad - stable)) | (j > min(candidate, bad))
    j = np.clip(j, max(0, bad - stable), min(candidate, bad))
    ways = gammaln(j + 1) + gammaln(candidate - j + 1) + gammaln(bad - j + 1) + gammaln(stable - bad + j + 1)
    exponents = np.where(outside, -np.inf, j * log_odds[:, None] - ways)
    top = exponents.max(axis=1)
    norm: FloatArray = np.log(np.exp(exponents - top[:, None]).sum(axis=1)) + top + np.log(step)
    return norm
