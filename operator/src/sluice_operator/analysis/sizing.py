"""About how many requests a comparison needs: closed forms, before a rollout begins.

Wealth grows on average by the Kullback-Leibler divergence between how bad requests divide and how they are bet to
divide; a decision falls about when the sum reaches its threshold. Means of runs, not promises: half of the runs take
longer. Right for shares of bad requests of some percent at most. Source: Wald 1945, the sample number of a sequential
test.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

from scipy.optimize import brentq

from .eprocess import MOST_WORSE

_MIXTURE = log(2) + 0.5
"""What it costs the harm test that it does not know how much worse a version is."""
_GRID = 1.0
"""What it costs the safe test that it does not know how good one is."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Traffic of a step: what one comparison has to go by.

    Raises:
        ValueError: The weight or the share is not between 0 and 1, or the dispersion less than 1.
    """

    weight: float
    """The candidate's part of all requests, greater than 0 and less than 1."""
    bad: float
    """Stable's share of bad requests, greater than 0 and less than 1."""
    dispersion: float = 1.0
    """Variance of bad requests over that of independent ones."""

    def __post_init__(self) -> None:
        if not (0 < self.weight < 1 and 0 < self.bad < 1 and self.dispersion >= 1):
            raise ValueError("expected a weight and a share between 0 and 1, and a dispersion of at least 1")

    def _bad_share(self, odds: float) -> float:
        """The candidate's part of all bad requests."""
        return self.weight * odds / (self.weight * odds + 1 - self.weight)

    def growth_worse(self, odds: float) -> float:
        """Log wealth of the harm test per request to a candidate that is worse by these odds."""
        per_bad = _divergence(self._bad_share(odds), self.weight) / self.dispersion
        return per_bad * self.bad * (self.weight * odds + 1 - self.weight) / self.weight

    def growth_clear(self, odds: float) -> float:
        """Log wealth of the safe test against these odds per request to a candidate that is as good as stable."""
        return _divergence(self.weight, self._bad_share(odds)) * self.bad / self.weight / self.dispersion


def requests_to_roll_back(stage: Stage, *, odds: float, alpha: float, part: float = 1.0) -> float:
    """Requests to a candidate, worse by these odds, until it is found worse, on average.

    Args:
        stage: Weight and rates, constant.
        odds: The candidate's odds ratio, greater than 1.
        alpha: Chance that a version no worse than stable is rolled back.
        part: Which part of the rollout's money the comparison has: its weight over the number of starts.
    """
    return (log(1 / alpha / part) + _MIXTURE) / stage.growth_worse(odds)


def requests_to_clear(stage: Stage, *, odds: float, beta: float) -> float:
    """Requests to a candidate as good as stable until these odds are ruled out, on average."""
    return (log(1 / beta) + _GRID) / stage.growth_clear(odds)


def smallest_harm(seen: Sequence[tuple[Stage, float]], *, alpha: float, part: float = 1.0) -> float | None:
    """Least odds ratio that is found worse, on average, by the end of what was seen; None above 16.

    Args:
        seen: Each step's traffic, and how many requests the candidate gets in it.
        alpha: Chance that a version no worse than stable is rolled back.
        part: Which part of the rollout's money the comparison has.
    """
    needed = log(1 / alpha / part) + _MIXTURE

    def missing(log_odds: float) -> float:
        odds = float(2.0**log_odds)
        return needed - sum(requests * stage.growth_worse(odds) for stage, requests in seen)

    most = log(MOST_WORSE, 2)
    return None if missing(most) > 0 else float(2.0 ** brentq(missing, 0.0, most))


def _divergence(p: float, q: float) -> float:
    """Kullback-Leibler divergence of one yes-or-no draw from another."""
    return p * log(p / q) + (1 - p) * log((1 - p) / (1 - q))
