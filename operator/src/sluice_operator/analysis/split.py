"""Evidence that requests do not divide as the route says.

Comparisons ask for random routing. Where the versions' parts of the traffic differ from their weights, something else
decides who is asked (sticky sessions, a route that is not in force, retries that count once for one version), and a
comparison is not valid. A bet (see `eprocess`) on the parts being others, which holds at every look.

For a span of constant weights; bets on several spans multiply. With very many requests the smallest unevenness of
a gateway shows: read it beside how far the parts are off.

Source: Lindon & Malek 2022, *Anytime-valid inference for multinomial count data*.
"""

import numpy as np
from scipy.special import gammaln, xlogy

from .odds import FloatArray, IntArray

_CONCENTRATION = 100.0
"""How near the weights the other parts are expected: as after a hundred requests."""


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
