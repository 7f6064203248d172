"""Evidence that a candidate is worse than stable, or is not: a bet against each claim, settled tick by tick.

An e-process is the wealth of somebody who bets against a claim at fair odds. While the claim is true, wealth ever
reaches 1/alpha with a probability of at most alpha (Ville 1939), however often and for however long one looks. Here the
claims are about the odds ratio of each tick (`odds`), which may differ from tick to tick.

Two things are kept for every odds ratio: the log likelihood ratio since the attempt began, from which everything that
people read comes; and the wealth of the harm test, which begins anew with a part of its money at each step of the
rollout, so that a failure that sets in late is not outweighed by the good hours before it.

Evidence is a frozen value of constant size. A tick that is older than the last, or the same, changes nothing.
Source: Ramdas et al. 2023, *Game-theoretic statistics and safe anytime-valid inference*; tempering by the dispersion
keeps the bound, by Jensen's inequality.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np

from .odds import LOG_GRID, FloatArray, IntArray, Tick, log_likelihood_ratios

TOLERANCE = len(LOG_GRID)
"""Column of a comparison's own tolerance, behind the grid's."""
WORSE_BY = TOLERANCE + 1
"""Column of a comparison's own `worse_by`."""
COLUMNS = WORSE_BY + 1
MOST_WORSE = 16.0
"""The greatest `worse_by`: above it, the grid has no room for worse candidates."""
UNKNOWN_DISPERSION = 2.0
"""What bad requests are taken to vary by where stable's history does not say: twice what chance alone makes them."""


@dataclass(frozen=True, slots=True)
class Comparisons:
    """What is asked, one row per rollout and gate (or edge of a latency gate); every array has shape (rows,).

    Raises:
        ValueError: The arrays differ in shape, or a value is out of the range that its field states.
    """

    tolerance: FloatArray
    """Odds ratio up to which the candidate is no worse than stable: at least 1, less than `worse_by`."""
    worse_by: FloatArray
    """Odds ratio that must not be promoted: at most 16."""
    dispersion: FloatArray
    """Variance of bad requests over that of independent ones, at least 1 (`dispersion`)."""
    negligible: FloatArray
    """Share of bad requests below which the candidate is good whatever stable does: 0 (none) to less than 1."""
    starts: IntArray
    """How many times the harm test begins: the steps of the rollout, probation included. At least 1."""

    def __post_init__(self) -> None:
        if len({getattr(self, field.name).shape for field in fields(self)}) > 1 or self.tolerance.ndim != 1:
            raise ValueError("the arrays of comparisons must have one dimension, and the same length")
        # Said as what must hold, so that NaN does not.
        if not ((self.tolerance >= 1) & (self.worse_by > self.tolerance) & (self.worse_by <= MOST_WORSE)).all():
            raise ValueError(f"expected 1 <= tolerance < worse_by <= {MOST_WORSE:g}")
        if not ((self.dispersion >= 1) & np.isfinite(self.dispersion)).all():
            raise ValueError("expected a dispersion of at least 1")
        if not ((self.negligible >= 0) & (self.negligible < 1)).all():
            raise ValueError("expected 0 <= negligible < 1")
        if not (self.starts >= 1).all():
            raise ValueError("expected at least one start")

    @property
    def own(self) -> FloatArray:
        """Logarithms of the odds ratios that rows follow beside the grid, shape (rows, 2)."""
        return np.log(np.stack([self.tolerance, self.worse_by], axis=1))


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the ticks so far say; one row per comparison."""

    comparisons: Comparisons
    likelihood: FloatArray
    """Log likelihood ratio of each odds ratio to 1 since the attempt began, over the dispersion. Shape (rows, 75)."""
    wealth: FloatArray
    """Log of what was made of each start's part of the harm test's money by betting on each odds ratio against the
    tolerance, -inf before the first start. Shape (rows, 75)."""
    started: IntArray
    """How many times the harm test has begun. Shape (rows,)."""
    counts: IntArray
    """Requests to the candidate, bad ones, requests to stable, bad ones since the attempt began. Shape (rows, 4)."""
    excess: FloatArray
    """Sum of the ticks' differences between the shares of bad requests, each weighted by n·m/(n+m), and the sum of the
    weights. Shape (rows, 2)."""
    through: FloatArray
    """When the last tick ended that is counted, in seconds; -inf before the first. Shape (rows,)."""

    @classmethod
    def none(cls, comparisons: Comparisons) -> Self:
        """Evidence before the first tick. The harm test begins with `begin`."""
        rows = len(comparisons.tolerance)
        return cls(
            comparisons=comparisons,
            likelihood=np.zeros((rows, COLUMNS)),
            wealth=np.full((rows, COLUMNS), -np.inf),
            started=np.zeros(rows, dtype=np.int64),
            counts=np.zeros((rows, 4), dtype=np.int64),
            excess=np.zeros((rows, 2)),
            through=np.full(rows, -np.inf),
        )

    def begin(self, rows: Sequence[int]) -> Self:
        """Begin a step in some rows: the harm test starts anew there with its next part of the money.

        Starts beyond those announced change nothing else. These rows are rounded to what `record` writes, so that
        a run that was interrupted within the step is replayed to the same end.
        """
        at, starts = list(rows), self.comparisons.starts
        likelihood, wealth, started = self.likelihood.copy(), self.wealth.copy(), self.started.copy()
        left = (started[at] < starts[at])[:, None]
        part = np.where(left, -np.log(starts[at])[:, None], -np.inf)
        wealth[at] = rounded(np.logaddexp(wealth[at], part))
        likelihood[at] = rounded(likelihood[at])
        started[at] = np.minimum(started[at] + 1, starts[at])
        return replace(self, likelihood=likelihood, wealth=wealth, started=started)

    def after(self, tick: Tick) -> Self:
        """Evidence with one more tick.

        Raises:
            ValueError: The tick has another number of rows.
        """
        if tick.at.shape != self.through.shape:
            raise ValueError(f"expected {len(self.through)} rows, got {len(tick.at)}")
        new = tick.at > self.through
        gain = log_likelihood_ratios(tick, self.comparisons.own) / self.comparisons.dispersion[:, None]
        gain[~new] = 0
        counted = np.stack([tick.candidate, tick.candidate_bad, tick.stable, tick.stable_bad], axis=1)
        return replace(
            self,
            likelihood=self.likelihood + gain,
            wealth=self.wealth + (gain - gain[:, [TOLERANCE]]),
            counts=self.counts + np.where(new[:, None], counted, 0),
            excess=self.excess + np.where(new[:, None], _excess(tick), 0),
            through=np.maximum(self.through, tick.at),
        )

    def passed(self, through: FloatArray) -> Self:
        """Evidence when no older tick than these can come any more, in seconds, shape (rows,)."""
        return replace(self, through=np.maximum(self.through, through))

    def settled(self, rows: Sequence[int]) -> Self:
        """Evidence that is in some rows as `record` writes it: who reads that and goes on comes to the same end."""
        at = list(rows)
        likelihood, wealth = self.likelihood.copy(), self.wealth.copy()
        likelihood[at], wealth[at] = rounded(likelihood[at]), rounded(wealth[at])
        return replace(self, likelihood=likelihood, wealth=wealth)

    def put(self, rows: Sequence[int], part: Self) -> Self:
        """The same evidence, but for some rows, which come from another (`take`). What they ask stays as it is."""
        at = list(rows)
        changed = {name: getattr(self, name).copy() for name in _ARRAYS}
        for name, values in changed.items():
            values[at] = getattr(part, name)
        return replace(self, **changed)

    def take(self, rows: Sequence[int]) -> Self:
        """The evidence of some rows."""
        at = list(rows)
        return type(self)(
            comparisons=Comparisons(**{f.name: getattr(self.comparisons, f.name)[at] for f in fields(Comparisons)}),
            **{name: getattr(self, name)[at] for name in _ARRAYS},
        )

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """The rows of several, in their order.

        Raises:
            ValueError: There are none.
        """
        return cls(
            comparisons=Comparisons(
                **{f.name: np.concatenate([getattr(p.comparisons, f.name) for p in parts]) for f in fields(Comparisons)}
            ),
            **{name: np.concatenate([getattr(p, name) for p in parts]) for name in _ARRAYS},
        )


_ARRAYS = tuple(field.name for field in fields(Evidence) if field.name != "comparisons")


def _excess(tick: Tick) -> FloatArray:
    n, m = tick.candidate.astype(float), tick.stable.astype(float)
    both = np.maximum(n + m, 1)
    return np.stack([(tick.candidate_bad * m - tick.stable_bad * n) / both, n * m / both], axis=1)


def rounded(values: FloatArray) -> FloatArray:
    """Values as single precision has them: about seven digits."""
    return values.astype(np.float32).astype(np.float64)
