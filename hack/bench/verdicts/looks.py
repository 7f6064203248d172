"""What repeated looks do, and boundaries for a planned number of them: yardsticks, nothing of which the operator runs.

A test statistic that is looked at again and again is a Brownian motion at its information times; its density inside the
boundary is carried from look to look by Gauss-Legendre quadrature (Armitage, McPherson & Rowe 1969). Lan & DeMets 1983
for spending, Kulldorff et al. 2011 for the Poisson test against a known rate.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import e, log, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import norm, poisson

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(200)
_FAR = 8.0
Spending = Callable[[float, float], float]


def obrien_fleming(time: float, alpha: float) -> float:
    """Alpha spent until an information time, 0 to 1: little at first."""
    return float(2 * norm.sf(norm.isf(alpha / 2) / sqrt(time)))


def pocock(time: float, alpha: float) -> float:
    """Alpha spent until an information time, 0 to 1: about evenly."""
    return alpha * log(1 + (e - 1) * time)


@dataclass(frozen=True, slots=True)
class _Inside:
    """Where a motion may be that has not crossed: values, and the probability that each stands for."""

    time: float
    at: NDArray[np.float64]
    mass: NDArray[np.float64]

    def above(self, z: float, time: float) -> float:
        """Probability of being above z at a later time."""
        return float((self.mass * norm.sf((z * sqrt(time) - self.at) / sqrt(time - self.time))).sum())

    def within(self, low: float, high: float, time: float) -> "_Inside":
        """What is left at a later time between two z values."""
        left, right = low * sqrt(time), high * sqrt(time)
        at = left + (right - left) * (_NODES + 1) / 2
        step = sqrt(time - self.time)
        density = (self.mass * norm.pdf((at[:, None] - self.at) / step) / step).sum(axis=1)
        return _Inside(time, at, density * _WEIGHTS * (right - left) / 2)


_START = _Inside(0.0, np.zeros(1), np.ones(1))


def chance_to_cross(times: Sequence[float], z: float) -> float:
    """Probability that a two-sided test at z, looked at at these times, is ever significant where nothing differs."""
    inside = _START
    for time in times:
        inside = inside.within(-z, z, time)
    return 1 - float(inside.mass.sum())


def boundary(times: Sequence[float], alpha: float, spending: Spending) -> list[float]:
    """Upper z values of a one-sided group-sequential test, one per look."""
    out: list[float] = []
    inside, spent = _START, 0.0
    for time in times:
        z = _spends(inside, spending(time, alpha) - spent, time)
        inside, spent = inside.within(-_FAR, z, time), spending(time, alpha)
        out.append(z)
    return out


def _spends(inside: _Inside, alpha: float, time: float) -> float:
    """The z value above which a motion is with this probability; early looks have nothing to spend."""
    if inside.above(_FAR, time) >= alpha:
        return _FAR
    return float(brentq(lambda z: inside.above(z, time) - alpha, 0.0, _FAR))


def chance_to_signal(critical: float, *, expected: float, relative_rate: float) -> float:
    """Probability that the maximised sequential probability ratio test of a Poisson count signals.

    Args:
        critical: Log likelihood ratio at which it signals.
        expected: Events expected until the end where nothing differs.
        relative_rate: How many times as many events there are.
    """

    def ratio(events: int, time: float) -> float:
        return 0.0 if events <= time else time - events + events * log(events / time)

    latest: list[float] = []
    while not latest or latest[-1] < expected:
        events = len(latest) + 1
        ends = ratio(events, expected) >= critical
        last = (
            expected
            if ends
            else float(brentq(lambda t, n=events: ratio(n, t) - critical, 1e-12, min(events, expected)))
        )
        latest.append(last)
    silent, before = np.ones(1), 0.0
    for allowed, time in enumerate(latest):
        new = poisson.pmf(np.arange(allowed + 1), (time - before) * relative_rate)
        silent, before = np.convolve(silent, new)[: allowed + 1], time
    return 1 - float(silent.sum())
