"""Evidence about one version's share of bad requests against a fixed limit, without the other arm.

Two bets (see `eprocess`), each on a mixture of shares on the other side of the limit. They hold while the share moves,
as long as it stays on the claim's side, and say something even when nothing fails, which a comparison cannot. Each is a
function of counts, so there is no state. Source: Robbins 1970, mixtures of binomial likelihood ratios; the mixture
of `log_evidence_above` is research of this project.
"""

import numpy as np
from scipy.special import logsumexp, xlog1py, xlogy

from .odds import FloatArray, IntArray

_BELOW: FloatArray = np.array([0, 1 / 16, 1 / 8, 1 / 4, 1 / 2])
"""Shares that a candidate below the limit may have, as parts of it. Without a bad request, 0 earns the most."""
_ABOVE: FloatArray = np.linspace(0.95, 0.02, 12)
"""Shares of good requests that a version above the limit may have, as parts of the limit's."""


def log_evidence_below(
    bad: IntArray, total: IntArray, *, limit: FloatArray, dispersion: FloatArray | float = 1.0
) -> FloatArray:
    """Log of the wealth of a bet that a share of bad requests is below a limit; shape (rows,).

    While the share is at the limit or above it, this ever reaches log(1/beta) with a probability of at most beta.

    Args:
        bad: Bad requests since the bet began, shape (rows,).
        total: Requests since then.
        limit: The limit, greater than 0 and less than 1.
        dispersion: Variance of bad requests over that of independent ones.
    """
    return _log_mixture(bad, total, limit=limit, others=limit[:, None] * _BELOW) / dispersion


def log_evidence_above(
    bad: IntArray, total: IntArray, *, limit: FloatArray, dispersion: FloatArray | float = 1.0
) -> FloatArray:
    """Log of the wealth of a bet that a share of bad requests is above a limit; shape (rows,).

    While the share is at the limit or below it, this ever reaches log(1/alpha) with a probability of at most alpha.
    Arguments as for `log_evidence_below`.
    """
    return _log_mixture(bad, total, limit=limit, others=1 - (1 - limit[:, None]) * _ABOVE) / dispersion


def _log_mixture(bad: IntArray, total: IntArray, *, limit: FloatArray, others: FloatArray) -> FloatArray:
    if not ((limit > 0) & (limit < 1)).all():
        raise ValueError("expected 0 < limit < 1")
    bad_, good = bad[:, None].astype(float), (total - bad)[:, None].astype(float)
    here = xlogy(bad_, limit[:, None]) + xlog1py(good, -limit[:, None])
    there = xlogy(bad_, others) + xlog1py(good, -others)
    mixed: FloatArray = logsumexp(there - here, axis=1) - np.log(others.shape[1])
    return mixed
