"""How many requests the z-test of two shares needs, and what it then finds: the fixed horizon, for reports.

The e-process needs more where the difference is exactly as planned, and fewer where it is greater (`sizing`).
Source: Fleiss, Levin & Paik 2003, chapter 4, without continuity correction; as R's power.prop.test for equal arms.
"""

from dataclasses import dataclass
from math import ceil, sqrt

from scipy.stats import norm


@dataclass(frozen=True, slots=True)
class Difference:
    """Two shares to be told apart, each greater than 0 and less than 1, and how requests divide.

    Raises:
        ValueError: The shares are the same, or out of range, or an arm gets nothing.
    """

    stable: float
    candidate: float
    weight: float = 0.5
    """The candidate's part of all requests, 0 to 1."""

    def __post_init__(self) -> None:
        if not (0 < self.stable < 1 and 0 < self.candidate < 1 and 0 < self.weight < 1):
            raise ValueError("expected shares and a weight between 0 and 1")
        if self.stable == self.candidate:
            raise ValueError("equal shares cannot be told apart")

    @property
    def _spread(self) -> tuple[float, float]:
        """Standard deviations, times the root of the candidate's requests, with no difference and with this one."""
        ratio = self.weight / (1 - self.weight)
        pooled = self.weight * self.candidate + (1 - self.weight) * self.stable
        same = pooled * (1 - pooled) * (1 + ratio)
        apart = self.candidate * (1 - self.candidate) + ratio * self.stable * (1 - self.stable)
        return sqrt(same), sqrt(apart)


def sample_size(difference: Difference, *, alpha: float = 0.05, power: float = 0.8) -> int:
    """Requests to the candidate with which a two-sided z-test at `alpha` finds the difference with this probability."""
    same, apart = difference._spread
    needed = (norm.isf(alpha / 2) * same + norm.ppf(power) * apart) / (difference.candidate - difference.stable)
    return ceil(needed**2)


def power(difference: Difference, *, requests: int, alpha: float = 0.05) -> float:
    """Probability that a two-sided z-test at `alpha` finds the difference with so many requests to the candidate."""
    same, apart = difference._spread
    distance = abs(difference.candidate - difference.stable) * sqrt(requests)
    return float(norm.cdf((distance - norm.isf(alpha / 2) * same) / apart))
