"""Confidence intervals of shares, for reports. Each holds for one look, planned beforehand: not for stopping."""

from dataclasses import dataclass
from math import hypot

from scipy import stats

from .classics import Counts


@dataclass(frozen=True, slots=True)
class Interval:
    """Ends of a confidence interval."""

    low: float
    high: float


def wilson(counts: Counts, *, confidence: float = 0.95) -> Interval:
    """Wilson's score interval of a share, within 0 and 1. Source: Wilson 1927; Newcombe 1998a, method 3."""
    found = stats.binomtest(counts.bad, counts.total).proportion_ci(confidence_level=confidence, method="wilson")
    return Interval(low=float(found.low), high=float(found.high))


def newcombe(candidate: Counts, stable: Counts, *, confidence: float = 0.95) -> Interval:
    """Interval of the candidate's share less stable's, within -1 and 1. Source: Newcombe 1998b, method 10."""
    one, other = wilson(candidate, confidence=confidence), wilson(stable, confidence=confidence)
    difference = candidate.share - stable.share
    return Interval(
        low=difference - hypot(candidate.share - one.low, other.high - stable.share),
        high=difference + hypot(one.high - candidate.share, stable.share - other.low),
    )
