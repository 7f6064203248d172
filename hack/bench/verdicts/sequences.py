"""Confidence sequences that others use, from their papers: yardsticks, nothing of which the operator runs.

Mixtures of Howard, Ramdas, McAuliffe & Sekhon 2021, *Time-uniform, nonparametric, nonasymptotic confidence sequences*;
the asymptotic sequence of Waudby-Smith et al. 2021 as GrowthBook computes it.
"""

from math import log, sqrt

from scipy.optimize import brentq
from scipy.special import betainc, betaln, log_ndtr


def best_rho(variance: float, alpha: float) -> float:
    """The mixture's precision with which the two-sided boundary is tightest at a variance."""
    return variance / (2 * log(1 / alpha) + log(1 + 2 * log(1 / alpha)))


def normal_mixture(total: float, variance: float, rho: float) -> float:
    """Log of the two-sided normal mixture at a sum with this variance."""
    return 0.5 * log(rho / (variance + rho)) + total**2 / (2 * (variance + rho))


def half_normal_mixture(total: float, variance: float, rho: float) -> float:
    """Log of the one-sided normal mixture."""
    return normal_mixture(total, variance, rho) + log(2) + float(log_ndtr(total / sqrt(variance + rho)))


def beta_binomial_mixture(
    total: float, variance: float, *, down: float, up: float, rho: float, one_sided: bool
) -> float:
    """Log of the beta-binomial mixture of a sum whose steps lie between -down and up."""
    rate = max(rho - down * up, 1e-3 * down * up)

    def mass(a: float, b: float) -> float:
        return float(betaln(a, b) + (log(betainc(a, b, up / (down + up))) if one_sided else 0.0))

    a, b = (rate + variance - down * total) / (down * (down + up)), (rate + variance + up * total) / (up * (down + up))
    before = mass(rate / (down * (down + up)), rate / (up * (down + up)))
    scale = variance / (down * up) * log(down + up)
    scale -= (variance + up * total) / (up * (down + up)) * log(down)
    scale -= (variance - down * total) / (down * (down + up)) * log(up)
    return scale + mass(a, b) - before


def bernoulli_interval(bad: int, total: int, *, alpha: float, tightest_at: int) -> tuple[float, float]:
    """Anytime-valid interval of one share, by the beta-binomial mixture."""

    def over(p: float) -> float:
        rho = best_rho(tightest_at * p * (1 - p), alpha)
        wealth = beta_binomial_mixture(bad - total * p, total * p * (1 - p), down=p, up=1 - p, rho=rho, one_sided=False)
        return wealth - log(1 / alpha)

    return float(brentq(over, 1e-9, bad / total)), float(brentq(over, bad / total, 1 - 1e-9))


def asymptotic_half_width(error: float, total: int, *, alpha: float, tightest_at: int) -> float:
    """Half the width of a one-sided asymptotic confidence sequence.

    Args:
        error: Standard error of the difference so far.
        total: Observations so far, both arms.
        alpha: One-sided.
        tightest_at: Number of observations at which it is tightest.
    """
    rho = sqrt((-2 * log(2 * alpha) + log(-2 * log(2 * alpha) + 1)) / tightest_at)
    spread = 2 * (total * rho**2 + 1) / (total * rho) ** 2 * log(1 + sqrt(total * rho**2 + 1) / (2 * alpha))
    return error * sqrt(total) * sqrt(spread)
