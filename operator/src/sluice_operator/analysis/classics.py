"""Tests that everybody knows, for reports.

None of them is for stopping. Each answers for one look, planned beforehand: who looks again and again and stops at the
first p-value below 0.05 takes a good version back about three times in ten (`eprocess` is for that). They also pool
what was counted while weights and base rates moved. scipy does the work where it has the test.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special, stats

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(128)


@dataclass(frozen=True, slots=True)
class Finding:
    """A test's answer for one look."""

    statistic: float
    """Greater than 0 where the candidate has the greater share or mean; for chi-square and Fisher see there."""
    p_value: float
    """Two-sided: probability of a difference at least as great where there is none."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A measured quantity of one version, in its own unit."""

    mean: float
    deviation: float
    """Standard deviation, with n - 1."""
    count: int
    """How many were measured, at least 2."""

    def __post_init__(self) -> None:
        if self.count < 2 or not self.deviation >= 0:
            raise ValueError("expected at least two measurements, and a deviation of at least 0")


@dataclass(frozen=True, slots=True)
class Counts:
    """Bad requests of one version among all.

    Raises:
        ValueError: Not 0 <= bad <= total, with at least one request.
    """

    bad: int
    total: int

    def __post_init__(self) -> None:
        if not 0 <= self.bad <= self.total or self.total == 0:
            raise ValueError("expected 0 <= bad <= total, and at least one request")

    @property
    def share(self) -> float:
        """Share of bad requests, 0 to 1."""
        return self.bad / self.total

    @property
    def cells(self) -> list[int]:
        """Bad and good requests: a row of a contingency table."""
        return [self.bad, self.total - self.bad]


def two_proportion_z(candidate: Counts, stable: Counts) -> Finding:
    """The z-test of two shares with the pooled variance. Not for stopping.

    Without a bad or without a good request there is no difference: statistic 0, p-value 1. A normal approximation: with
    fewer than about five bad requests expected in an arm use `fisher_exact`.
    """
    pooled = (candidate.bad + stable.bad) / (candidate.total + stable.total)
    variance = pooled * (1 - pooled) * (1 / candidate.total + 1 / stable.total)
    if variance == 0:
        return Finding(statistic=0.0, p_value=1.0)
    z = (candidate.share - stable.share) / float(np.sqrt(variance))
    return Finding(statistic=z, p_value=float(2 * stats.norm.sf(abs(z))))


def welch_t(candidate: Sample, stable: Sample) -> Finding:
    """Welch's t-test of two means with unequal variances. Not for stopping.

    Where neither sample varies, the statistic is 0 and the p-value 1 for equal means, infinite and 0 for others.
    """
    if candidate.deviation == stable.deviation == 0:
        difference = candidate.mean - stable.mean
        return Finding(
            statistic=float(np.copysign(np.inf, difference)) if difference else 0.0, p_value=float(not difference)
        )
    found = stats.ttest_ind_from_stats(
        candidate.mean,
        candidate.deviation,
        candidate.count,
        stable.mean,
        stable.deviation,
        stable.count,
        equal_var=False,
    )
    return Finding(statistic=float(found.statistic), p_value=float(found.pvalue))


def chi_square(candidate: Counts, stable: Counts) -> Finding:
    """Pearson's chi-square test of the two by two table, without continuity correction. Not for stopping.

    The statistic is the square of `two_proportion_z`'s.
    """
    if candidate.bad + stable.bad in (0, candidate.total + stable.total):
        return Finding(statistic=0.0, p_value=1.0)
    found = stats.chi2_contingency([candidate.cells, stable.cells], correction=False)
    return Finding(statistic=float(found.statistic), p_value=float(found.pvalue))


def fisher_exact(candidate: Counts, stable: Counts) -> Finding:
    """Fisher's exact test of the two by two table. Not for stopping.

    The statistic is the sample's odds ratio: NaN where there is neither a bad request, infinite where stable has none.
    """
    found = stats.fisher_exact(np.array([candidate.cells, stable.cells]))
    return Finding(statistic=float(found.statistic), p_value=float(found.pvalue))


@dataclass(frozen=True, slots=True)
class Posterior:
    """What is believed of a version's share of bad requests after a uniform prior: a Beta distribution."""

    mean: float
    low: float
    """Lower end of the equal-tailed credible interval."""
    high: float


def posterior(counts: Counts, *, confidence: float = 0.95) -> Posterior:
    """The posterior of a share of bad requests. Not for stopping."""
    low, high = stats.beta.interval(confidence, counts.bad + 1, counts.total - counts.bad + 1)
    return Posterior(mean=(counts.bad + 1) / (counts.total + 2), low=float(low), high=float(high))


def chance_greater(candidate: Counts, stable: Counts) -> float:
    """Posterior probability that the candidate's share of bad requests is greater than stable's. Not for stopping.

    Uniform priors; Gauss-Legendre quadrature over all but 2e-12 of the candidate's posterior.
    """
    a, b = candidate.bad + 1, candidate.total - candidate.bad + 1
    low, high = special.betaincinv(a, b, 1e-12), special.betainccinv(a, b, 1e-12)
    shares = low + (high - low) * (_NODES + 1) / 2
    density = np.exp(special.xlogy(a - 1, shares) + special.xlog1py(b - 1, -shares) - special.betaln(a, b))
    less = special.betainc(stable.bad + 1, stable.total - stable.bad + 1, shares)
    return float(min(1.0, (_WEIGHTS * (high - low) / 2 * density * less).sum()))
