"""What comparisons answer: worse, clear, or not known yet; and the figures that people read beside it.

All rollouts are answered at once. The gates of a rollout share its alpha: it is found worse when the money bet on all
of them together has grown enough, and the gate that earned most is named. Proven and great are two things: a version
whose harm is proven, but too small to matter, may be cleared, and people are told.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from . import readings
from .eprocess import Evidence
from .odds import BoolArray, FloatArray, IntArray


class Answer(StrEnum):
    """What a comparison says of a candidate."""

    WORSE = "Worse"
    """It is worse than the tolerance, and by enough to matter."""
    CLEAR = "Clear"
    """It is not worse by what had to be ruled out."""
    UNKNOWN = "Unknown"
    """More requests are needed."""


@dataclass(frozen=True, slots=True)
class Rollouts:
    """Which rows of the evidence belong together, and what each rollout allows.

    Raises:
        ValueError: Alpha or beta is not between 0 and 1.
    """

    rollout: IntArray
    """Each row's rollout, counted from 0, shape (rows,)."""
    weight: FloatArray
    """Each row's part of its rollout's money, greater than 0, shape (rows,): one over its gates, say."""
    factor: FloatArray
    """Odds ratio that must be ruled out before the step ends (`readings.factor_to_clear`), shape (rows,)."""
    alpha: FloatArray
    """Chance that a version no worse than stable is found worse, over the whole attempt, shape (rollouts,)."""
    beta: FloatArray
    """Chance that one worse by `worse_by` is cleared, shape (rollouts,)."""
    least_odds: FloatArray | float = 1.2
    """Estimated odds ratio below which a version is only slightly worse: one for all rows, or of shape (rows,)."""
    least_excess: float = 0.001
    """Estimated excess of the share of bad requests below which it is."""

    def __post_init__(self) -> None:
        if not all(((chance > 0) & (chance < 1)).all() for chance in (self.alpha, self.beta)):
            raise ValueError("expected alpha and beta between 0 and 1")


@dataclass(frozen=True, slots=True)
class Comparison:
    """One row's answer."""

    answer: Answer
    slightly_worse: bool
    """Whether harm is proven, but too small to matter: something to tell people, which stops nothing."""
    odds: float | None
    """Estimated odds ratio of a bad request, candidate to stable; None before anything tells them apart."""
    low: float
    """Least odds ratio that is possible, at all ticks at once with a probability of at least 1 - alpha; 0: no bound."""
    high: float
    """Greatest one; infinite: no bound."""
    excess: float | None
    """Estimated excess of the candidate's share of bad requests."""
    chance_worse: float
    """Posterior probability that the candidate is worse than the tolerance: shown, decides nothing."""
    requests: int
    """Requests to the candidate since the attempt began."""
    bad: int
    stable_requests: int
    stable_bad: int


def answers(evidence: Evidence, rollouts: Rollouts) -> list[Comparison]:
    """What each row of the evidence answers.

    Raises:
        ValueError: The weights of a rollout add up to more than 1.
    """
    worse = _found_worse(evidence, rollouts)
    clear = (
        readings.log_evidence_clear(evidence, worse_by=rollouts.factor) >= np.log(1 / rollouts.beta)[rollouts.rollout]
    )
    odds, excess, chance = readings.estimate(evidence), readings.excess(evidence), readings.chance_worse(evidence)
    great = worse & (odds >= rollouts.least_odds) & (excess >= rollouts.least_excess)
    bounds = readings.interval(evidence, alpha=rollouts.alpha[rollouts.rollout])
    return [
        Comparison(
            answer=Answer.WORSE if great[row] else Answer.CLEAR if clear[row] else Answer.UNKNOWN,
            slightly_worse=bool(worse[row] and not great[row]),
            odds=None if np.isnan(odds[row]) else float(odds[row]),
            low=float(bounds[0][row]),
            high=float(bounds[1][row]),
            excess=None if np.isnan(excess[row]) else float(excess[row]),
            chance_worse=float(chance[row]),
            requests=int(candidate),
            bad=int(candidate_bad),
            stable_requests=int(stable),
            stable_bad=int(stable_bad),
        )
        for row, (candidate, candidate_bad, stable, stable_bad) in enumerate(evidence.counts)
    ]


def _found_worse(evidence: Evidence, rollouts: Rollouts) -> BoolArray:
    """Which rows show that their rollout's version is worse than the tolerance, by however little."""
    worse = readings.log_evidence_worse(evidence)
    together = readings.log_evidence_of_rollouts(
        worse, weight=rollouts.weight, rollout=rollouts.rollout, rollouts=rollouts.alpha.size
    )
    earned, most = worse + np.log(rollouts.weight), np.full(rollouts.alpha.size, -np.inf)
    np.maximum.at(most, rollouts.rollout, earned)
    limit = np.log(1 / rollouts.alpha)
    named = (earned == most[rollouts.rollout]) | (earned >= limit[rollouts.rollout])
    found: BoolArray = named & (together >= limit)[rollouts.rollout]
    return found
