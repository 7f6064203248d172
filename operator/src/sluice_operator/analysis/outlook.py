"""When a comparison will know: how many more requests a good version needs, from what was counted so far.

The wealth that is missing, over what a request earns on average if the candidate is as good as stable, at the rates,
the weight and the spans seen until now. An expectation, not a promise; it grows while a version does worse than stable.
"""

import numpy as np
from scipy.special import xlog1py, xlogy

from .eprocess import Evidence
from .odds import FloatArray
from .readings import log_evidence_clear
from .spans import kept


def requests_to_clear(evidence: Evidence, *, factor: FloatArray, beta: FloatArray) -> FloatArray:
    """Requests to the candidate that are still needed to clear it, if it is as good as stable; shape (rows,).

    0 where it is clear. Infinite where it cannot become clear: neither version had a bad request, or too many for
    `negligible`, or one of them had no request at all.

    Args:
        evidence: What was counted.
        factor: Odds ratio that must be ruled out, shape (rows,).
        beta: Chance that a version worse by the factor is cleared, shape (rows,).
    """
    missing = np.maximum(0, np.log(1 / beta) - log_evidence_clear(evidence, worse_by=factor))
    earned = np.maximum(_by_comparing(evidence, factor), _by_its_own_share(evidence))
    needed: FloatArray = np.divide(missing, earned, out=np.where(missing > 0, np.inf, 0.0), where=earned > 0)
    return needed


def _by_comparing(evidence: Evidence, factor: FloatArray) -> FloatArray:
    """Log wealth per request to the candidate of the bet that it is not worse, see `sizing.Stage.growth_clear`.

    Requests that were alone in their spans have earned nothing, and more of them will not.
    """
    candidate, candidate_bad, stable, stable_bad = evidence.counts.T.astype(float)
    requests = np.maximum(candidate + stable, 1)
    weight, bad = candidate / requests, (candidate_bad + stable_bad) / requests
    share = weight * factor / (weight * factor + 1 - weight)
    with np.errstate(divide="ignore", invalid="ignore"):
        divergence = xlogy(weight, weight / share) + xlogy(1 - weight, (1 - weight) / (1 - share))
        loss = np.clip(1 - evidence.excess[:, 1] / (candidate * stable / requests), 0, 1)
        earned: FloatArray = divergence * bad / weight / evidence.comparisons.dispersion
        earned *= kept(loss, weight=weight, odds=factor)
    return np.where(np.isfinite(earned), earned, 0.0)


def _by_its_own_share(evidence: Evidence) -> FloatArray:
    """Log wealth per request to the candidate of the bet that its share is below `negligible`: at a quarter of it."""
    candidate, candidate_bad, stable, stable_bad = evidence.counts.T.astype(float)
    bad = (candidate_bad + stable_bad) / np.maximum(candidate + stable, 1)
    asked = evidence.comparisons.negligible > 0
    limit = np.where(asked, evidence.comparisons.negligible, 0.5)
    there = xlogy(bad, limit / 4) + xlog1py(1 - bad, -limit / 4)
    earned: FloatArray = there - xlogy(bad, limit) - xlog1py(1 - bad, -limit)
    return np.where(asked & (candidate > 0), np.maximum(earned, 0) / evidence.comparisons.dispersion, 0.0)
