"""What the engine takes of a core: 1,000 rollouts of four gates, a tick of 5 s each, folded and answered at once."""

import time
from statistics import median

import numpy as np

from sluice_operator.analysis.comparison import Rollouts, answers
from sluice_operator.analysis.eprocess import Comparisons, Evidence
from sluice_operator.analysis.odds import FloatArray, Tick
from sluice_operator.analysis.outlook import requests_to_clear

ROLLOUTS = 1000
INTERVAL = 5.0
_BAD = np.array([0.005, 0.30, 0.05, 0.005])
"""Shares of bad requests: errors, and requests slower than three edges of latency."""
_SLOWEST, _BUSIEST = 1.0, 100.0
"""Requests per second to a model, drawn evenly in their logarithm."""


def core_share(*, rollouts: int = ROLLOUTS, ticks: int = 20) -> float:
    """CPU seconds of the engine over seconds of the traffic, in the median tick."""
    generator = np.random.default_rng(3)
    gates, rows = _BAD.size, rollouts * _BAD.size
    rate = np.exp(generator.uniform(np.log(_SLOWEST), np.log(_BUSIEST), rollouts))
    weight = generator.choice([0.05, 0.25, 0.50], rollouts)
    evidence = Evidence.none(
        Comparisons(
            tolerance=np.tile([1.0, 1.2, 1.2, 1.2], rollouts),
            worse_by=np.full(rows, 2.0),
            dispersion=np.full(rows, 1.3),
            negligible=np.tile([0.005, 0.0, 0.0, 0.005], rollouts),
            starts=np.full(rows, 4),
        )
    ).begin(range(rows))
    asked = Rollouts(
        rollout=np.repeat(np.arange(rollouts), gates),
        weight=np.full(rows, 1 / gates),
        factor=np.full(rows, 3.0),
        alpha=np.full(rollouts, 0.05),
        beta=np.full(rollouts, 0.05),
    )
    took = []
    for number in range(ticks):
        tick = _tick(generator, number, seconds=INTERVAL * rate, weight=weight)
        began = time.process_time()
        evidence = evidence.after(tick)
        answers(evidence, asked)
        requests_to_clear(evidence, factor=asked.factor, beta=asked.beta[asked.rollout])
        took.append(time.process_time() - began)
    return median(took) / INTERVAL


def _tick(generator: np.random.Generator, number: int, *, seconds: FloatArray, weight: FloatArray) -> Tick:
    candidate, stable = (np.repeat(generator.poisson(seconds * part), _BAD.size) for part in (weight, 1 - weight))
    shares = np.tile(_BAD, len(seconds))
    return Tick(
        at=np.full(len(shares), number + 1.0),
        candidate=candidate,
        candidate_bad=generator.binomial(candidate, shares),
        stable=stable,
        stable_bad=generator.binomial(stable, shares),
    )
