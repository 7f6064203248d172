"""What evidence says: is the candidate worse, is it not, by how much.

`log_evidence_worse` and `log_evidence_clear` decide: worse at log(1/alpha), clear at log(1/beta). The estimate and its
interval are what people read; the interval, too, holds at every tick at once. The posterior is shown and never decides.
"""

import numpy as np
from scipy.special import logsumexp

from .eprocess import MOST_WORSE, TOLERANCE, WORSE_BY, Evidence
from .odds import EQUAL, LOG_GRID, BoolArray, FloatArray, IntArray
from .onearm import log_evidence_below

_GRID: FloatArray = np.exp2(np.linspace(-4, 5, 73))
_STEP = float(LOG_GRID[1] - LOG_GRID[0])
_NO_WORSE = (_GRID >= 0.5) & (_GRID <= 1)


def log_evidence_worse(evidence: Evidence) -> FloatArray:
    """Log of the wealth bet on the candidate being worse than the tolerance, shape (rows,).

    While every tick's odds ratio is at most the tolerance, it ever reaches log(1/alpha) with a probability of at most
    alpha. Half of the money is on `worse_by`, which costs log 2 there; the rest is spread evenly over the grid above
    the tolerance.
    """
    comparisons = evidence.comparisons
    weights = np.zeros_like(evidence.wealth)
    above = (comparisons.tolerance[:, None] * (1 + 1e-9) < _GRID) & (_GRID <= MOST_WORSE)
    weights[:, :TOLERANCE] = 0.5 * above / above.sum(axis=1, keepdims=True)
    weights[:, WORSE_BY] = 0.5
    kept = 1 - evidence.started / comparisons.starts
    made = logsumexp(evidence.wealth, b=weights, axis=1)
    with np.errstate(divide="ignore"):
        return np.logaddexp(made, np.log(kept))


def log_evidence_of_rollouts(worse: FloatArray, *, weight: FloatArray, rollout: IntArray, rollouts: int) -> FloatArray:
    """Log of each rollout's wealth over all its comparisons, shape (rollouts,).

    The weighted mean is at log(1/alpha) or above with a probability of at most alpha for all comparisons together,
    however they depend on each other.

    Args:
        worse: `log_evidence_worse`, shape (rows,).
        weight: Each row's part of its rollout's money, greater than 0, shape (rows,).
        rollout: Each row's rollout, 0 to `rollouts` - 1, shape (rows,).
        rollouts: How many there are.

    Raises:
        ValueError: The weights of a rollout add up to more than 1.
    """
    if (np.bincount(rollout, weights=weight, minlength=rollouts) > 1 + 1e-9).any():
        raise ValueError("the weights of a rollout add up to more than 1")
    out = np.full(rollouts, -np.inf)
    np.logaddexp.at(out, rollout, worse + np.log(weight))
    return out


def factor_to_clear(weight: FloatArray, *, last: BoolArray, worse_by: FloatArray) -> FloatArray:
    """By which odds ratio a candidate must not be worse before it leaves its step, shape (rows,).

    The less a candidate could hurt, the less must be ruled out: 10 below a tenth of the traffic, 5 below a quarter, 3
    below half. What must not be promoted is always ruled out in the last step, whatever its weight: behind it come all
    requests.

    Args:
        weight: The candidate's part of all requests, 0 to 1, shape (rows,).
        last: Whether no step with a greater weight follows, shape (rows,).
        worse_by: What must not be promoted, shape (rows,).
    """
    least: FloatArray = np.select([last, weight < 0.1, weight < 0.25, weight < 0.5], [1.0, 10.0, 5.0, 3.0], 1.0)
    return np.maximum(worse_by, least)


def log_evidence_clear(evidence: Evidence, *, worse_by: FloatArray | None = None) -> FloatArray:
    """Log of the wealth bet on the candidate not being worse by a factor, shape (rows,).

    While every tick's odds ratio is at least the factor, and the share of bad requests at least `negligible`, it ever
    reaches log(1/beta) with a probability of at most beta. Where `negligible` is given, half of the money is bet on the
    share being below it: that clears a version without failures.

    Args:
        evidence: What was counted.
        worse_by: The factor, shape (rows,): rounded down to the grid, and never below the comparison's own, which is
            the default.
    """
    comparisons = evidence.comparisons
    column = np.full(len(evidence.through), WORSE_BY)
    if worse_by is not None:
        on_grid = np.clip(np.searchsorted(_GRID, worse_by * (1 + 1e-9), side="right") - 1, EQUAL, TOLERANCE - 1)
        column = np.where(_GRID[on_grid] > comparisons.worse_by, on_grid, WORSE_BY)
    reference = np.take_along_axis(evidence.likelihood, column[:, None], axis=1)[:, 0]
    no_worse = evidence.likelihood[:, :TOLERANCE][:, _NO_WORSE]
    relative: FloatArray = logsumexp(no_worse, axis=1) - np.log(no_worse.shape[1]) - reference
    asked = np.flatnonzero(comparisons.negligible > 0)
    absolute = log_evidence_below(
        evidence.counts[asked, 1],
        evidence.counts[asked, 0],
        limit=comparisons.negligible[asked],
        dispersion=comparisons.dispersion[asked],
    )
    relative[asked] = np.logaddexp(relative[asked], absolute) - np.log(2)
    return relative


def interval(evidence: Evidence, *, alpha: FloatArray | float) -> tuple[FloatArray, FloatArray]:
    """Least and greatest odds ratio that the evidence leaves possible, both of shape (rows,).

    A constant odds ratio is within them at all ticks at once with a probability of at least 1 - alpha; alpha is one for
    all rows, or of shape (rows,). Rounded outward to the grid; 0 or infinity where the grid ends.
    """
    grid = evidence.likelihood[:, :TOLERANCE]
    mean = logsumexp(grid, axis=1, keepdims=True) - np.log(grid.shape[1])
    possible = mean - grid < np.log(1 / np.broadcast_to(alpha, mean.shape[0]))[:, None]
    first = possible.argmax(axis=1)
    last = grid.shape[1] - 1 - possible[:, ::-1].argmax(axis=1)
    edges: FloatArray = np.concatenate([[0.0], _GRID, [np.inf]])
    return edges[first], edges[last + 2]


def estimate(evidence: Evidence) -> FloatArray:
    """The likeliest odds ratio, shape (rows,): the top of a parabola through the three best of the grid.

    NaN where nothing was counted that tells the arms apart; the ends of the grid where it lies outside.
    """
    grid = evidence.likelihood[:, :TOLERANCE]
    best = grid.argmax(axis=1)
    middle = np.clip(best, 1, grid.shape[1] - 2)
    left, top, right = (np.take_along_axis(grid, (middle + d)[:, None], axis=1)[:, 0] for d in (-1, 0, 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        shift = 0.5 * (left - right) / (left - 2 * top + right)
    inside = best == middle
    log_odds = LOG_GRID[best] + np.where(inside, shift, 0.0) * _STEP
    return np.where((grid == 0).all(axis=1), np.nan, np.exp(log_odds))


def chance_worse(evidence: Evidence) -> FloatArray:
    """Posterior probability that the odds ratio is above the tolerance, shape (rows,).

    The prior is normal in the logarithm, around 1 with a standard deviation of a factor e. For reports alone: stopping
    when this passes a threshold rolls back good versions far more often than the threshold says.
    """
    grid = evidence.likelihood[:, :TOLERANCE] - 0.5 * LOG_GRID**2
    share = np.exp(grid - grid.max(axis=1, keepdims=True))
    worse = evidence.comparisons.tolerance[:, None] * (1 + 1e-9) < _GRID
    return np.asarray((share * worse).sum(axis=1) / share.sum(axis=1))


def excess(evidence: Evidence) -> FloatArray:
    """How much greater the candidate's share of bad requests is than stable's, estimated; shape (rows,).

    The mean of the ticks' differences, weighted so that what both arms had in common does not count. NaN before both
    had requests. Source: Greenland & Robins 1985, the Mantel-Haenszel risk difference.
    """
    with np.errstate(invalid="ignore"):
        difference: FloatArray = evidence.excess[:, 0] / evidence.excess[:, 1]
    return difference
