"""Evidence that requests do not divide as the route says.

Comparisons ask for random routing. Where the versions' parts of the traffic differ from their weights, something else
decides who is asked (sticky sessions, a route that is not in force, retries that count once for one version), and a
comparison is not valid. A bet (see `eprocess`) on the parts being others, which holds at every look.

For a time of constant weights. With very many requests the smallest unevenness of a gateway shows, so how far the
parts are off counts as well; and where clients stay with a version, what their flocks make of chance is divided out.

Source: Lindon & Malek 2022, *Anytime-valid inference for multinomial count data*.
"""

from dataclasses import dataclass
from math import log

import numpy as np
from scipy.special import gammaln, xlogy

from .odds import FloatArray, IntArray

_CONCENTRATION = 100.0
"""How near the weights the other parts are expected: as after a hundred requests."""
_LEAST_SPANS = 20
"""Spans without which nobody knows how much the division varies by itself."""
_LEAST_ODDS = 1.25
"""How far the odds of being sent to the candidate are off, one way or the other, for a comparison to be in doubt: less
is what retries, and requests that are lost between scrapes, may do."""


@dataclass(frozen=True, slots=True)
class Split:
    """How requests divided within spans of constant weights."""

    candidate: int = 0
    """Requests to the candidate."""
    stable: int = 0
    spans: int = 0
    """Spans in which there were any."""
    squares: float = 0.0
    """Sum over the spans of the candidate's requests, squared, over all requests."""

    def after(self, *, candidate: int, stable: int) -> "Split":
        """The same with one more span."""
        if candidate + stable == 0:
            return self
        return Split(
            candidate=self.candidate + candidate,
            stable=self.stable + stable,
            spans=self.spans + 1,
            squares=self.squares + candidate**2 / (candidate + stable),
        )

    @property
    def share(self) -> float:
        """The candidate's part of all requests, 0 to 1."""
        return self.candidate / max(1, self.candidate + self.stable)

    @property
    def dispersion(self) -> float:
        """Variance of the candidate's part over what it is where each request goes its own way; at least 1.

        More where requests come in flocks: clients that stay with the version that their first request went to.
        """
        chance = self.share * (1 - self.share)
        if self.spans < 2 or chance == 0:
            return 1.0
        return max(1.0, (self.squares - self.share * self.candidate) / chance / (self.spans - 1))

    def differs(self, weight: float, *, alpha: float) -> bool:
        """Whether requests do not divide by the weights: proven, and by enough to matter.

        While they do, it is ever true with a probability of at most alpha; about that where they come in flocks.

        Args:
            weight: The candidate's part by the route, greater than 0 and less than 1.
            alpha: Chance of being wrong at any time.
        """
        if self.spans < _LEAST_SPANS or self._is_near(weight):
            return False
        counts, weights = np.array([[self.candidate, self.stable]]), np.array([[weight, 1 - weight]])
        return bool(log_evidence_of_split(counts, weights)[0] / self.dispersion >= log(1 / alpha))

    def _is_near(self, weight: float) -> bool:
        got, wanted = self.candidate * (1 - weight), self.stable * weight
        return got < _LEAST_ODDS * wanted and wanted < _LEAST_ODDS * got


def log_evidence_of_split(counts: IntArray, weights: FloatArray) -> FloatArray:
    """Log of the wealth of a bet that requests do not divide by their weights, shape (rows,).

    While each request goes to a version with the probability of its weight, it ever reaches log(1/alpha) with a
    probability of at most alpha.

    Args:
        counts: Requests to each version since the weights were set, shape (rows, versions).
        weights: Each version's part, greater than 0, adding up to 1; the same shape.

    Raises:
        ValueError: Weights do not add up to 1, or one is not greater than 0.
    """
    if not ((weights > 0).all() and np.allclose(weights.sum(axis=1), 1)):
        raise ValueError("expected weights greater than 0 that add up to 1")
    before = _CONCENTRATION * weights
    total = counts.sum(axis=1)
    bet = (gammaln(before + counts) - gammaln(before)).sum(axis=1)
    bet += gammaln(_CONCENTRATION) - gammaln(_CONCENTRATION + total)
    evidence: FloatArray = bet - xlogy(counts, weights).sum(axis=1)
    return evidence
