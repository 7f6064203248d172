"""How long spans are, so that what comes within them tells something.

What counts in a span is how its bad requests divide between the two versions (`odds`). One that is alone in its span
tells nothing, and neither does any where one of the versions was asked nothing. Long spans lose little, short ones tell
sooner. So a span is as long as about twenty requests take to come, one of them to the version that gets fewer.
"""

import math

import numpy as np

from .odds import FloatArray

REQUESTS = 20.0
"""Requests to the model that should come within a span."""
_TO_EACH = 1.0
"""How many of them should go to either version, on average."""
LONGEST = 60.0
"""Seconds that a span is made longer to at most."""


def fitting(shortest: float, *, rate: float | None, weight: float) -> float:
    """Length of the spans that fit a traffic, in seconds: a whole multiple of the shortest.

    Args:
        shortest: The least that it may be, in whole seconds.
        rate: Requests per second to the model; None where nobody knows.
        weight: The part of them that the version with the lesser part gets, greater than 0.
    """
    if rate is None:
        return shortest
    wanted = min(LONGEST, max(REQUESTS, _TO_EACH / weight) / rate if rate > 0 else LONGEST)
    return shortest * max(1, min(math.ceil(wanted / shortest), math.floor(LONGEST / shortest)))


def lost(requests: FloatArray | float) -> FloatArray:
    """The part of what bad requests could tell about small odds ratios that spans lose, 0 to 1.

    How a span's bad requests divide varies less than where all spans are one: of N requests one is lost, and N is
    Poisson.

    Args:
        requests: How many come within a span on average, to both versions together; greater than 0.
    """
    within = np.asarray(requests, dtype=float)
    part: FloatArray = -np.expm1(-within) / within
    return part


def kept(loss: FloatArray, *, weight: FloatArray | float, odds: FloatArray | float) -> FloatArray:
    """The part of what bad requests could tell about any odds ratio that spans keep, 0 to 1.

    About a great one that is less than about a small one, where the candidate gets little: often it gets nothing within
    a span. The growth of the bet (`sizing.Stage.growth_clear`) is concave in the part of a span's requests that the
    candidate got, so that it loses as that part varies: to second order, and kept between 0 and 1.

    Args:
        loss: What is lost about small ones (`lost`).
        weight: The candidate's part of all requests, greater than 0 and less than 1.
        odds: The odds ratio that is asked about, greater than 1.
    """
    more = weight * (np.asarray(odds, dtype=float) - 1)
    growth = np.log1p(more) - weight * np.log(odds)
    curved = (1 / np.asarray(weight, dtype=float) - 1) * (more / (1 + more)) ** 2 / (2 * growth)
    part: FloatArray = (1 - loss) / (1 - loss + curved * loss)
    return part
