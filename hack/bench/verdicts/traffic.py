"""Traffic that did not happen: requests and bad ones, look by look, of many rollouts at once.

Every scenario but those that say so has 60 looks a minute apart, and a candidate that is exactly as good as stable.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sluice_operator.analysis.dispersion import dispersion
from sluice_operator.analysis.odds import FloatArray, IntArray

LOOKS = 60
BASE = 0.01
"""Stable's share of bad requests where it does not move."""
GROWING: FloatArray = np.repeat([0.05, 0.10, 0.25, 0.50], LOOKS // 4)
"""The candidate's share of the traffic, in four steps."""
STEPS = tuple(range(0, LOOKS, LOOKS // 4))
"""Looks at which those begin."""
ONSET = 40
"""Look from which a version that breaks late is worse."""
_A_MINUTE = 1000
_PODS, _SPANS, _SPANS_A_MINUTE = 3, 360, 12
"""Stable's history before a rollout: half an hour in spans of 5 s."""
_GATES = np.array([0.01, 0.04, 0.15])
"""Shares of requests slower than each of three edges and no slower than the next, the greatest first."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """What was counted at each look, shape (rows, looks). A row is one gate of one rollout."""

    candidate: IntArray
    candidate_bad: IntArray
    stable: IntArray
    stable_bad: IntArray
    dispersion: FloatArray
    """What stable's history says of how bad requests vary, shape (rows,)."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A world in which a version that is no worse than stable must not be taken back."""

    name: str
    draw: Callable[[np.random.Generator, int], Traffic]
    """Draws as many runs as it is asked for."""
    gates: int = 1
    begins: tuple[int, ...] = (0,)
    """Looks at which a step begins."""
    until: int = LOOKS
    """How many looks the version is as good as stable."""


def steady(generator: np.random.Generator, runs: int, *, requests: int, bad: float) -> Traffic:
    """A tenth of the traffic for a candidate that gets so many requests in all, with this share of bad ones."""
    candidate = round(requests / LOOKS)
    return _independent(
        generator,
        candidate=np.full((runs, LOOKS), candidate),
        stable=np.full((runs, LOOKS), 9 * candidate),
        shares=(np.array(bad), np.array(BASE)),
    )


def growing(generator: np.random.Generator, runs: int) -> Traffic:
    """Weights grow from 5 to 50 % while, for both versions alike, bad requests go from 0.5 to 2 %."""
    share = np.where(np.arange(LOOKS) < LOOKS // 2, 0.005, 0.02)
    candidate = np.tile((GROWING * _A_MINUTE).astype(np.int64), (runs, 1))
    return _independent(generator, candidate=candidate, stable=_A_MINUTE - candidate, shares=(share, share))


def chosen(generator: np.random.Generator, runs: int) -> Traffic:
    """A rollout as people make them: every ten minutes a candidate that has looked no worse so far gets more traffic.

    Bad requests go from 0.5 to 2 % in both versions.
    """
    levels = (np.unique(GROWING) * _A_MINUTE).astype(np.int64)
    share = np.linspace(0.005, 0.02, LOOKS)
    level = np.zeros(runs, dtype=np.int64)
    counts = np.zeros((4, runs, LOOKS), dtype=np.int64)
    for look in range(LOOKS):
        candidate = levels[level]
        stable = _A_MINUTE - candidate
        bad = generator.binomial(candidate, share[look]), generator.binomial(stable, share[look])
        counts[:, :, look] = candidate, bad[0], stable, bad[1]
        if look % 10 == 9:
            sums = counts.sum(axis=2)
            no_worse = sums[1] * sums[2] <= sums[3] * sums[0]
            level = np.minimum(level + no_worse, len(levels) - 1)
    return Traffic(counts[0], counts[1], counts[2], counts[3], dispersion=np.ones(runs))


def bursts(size: int) -> Callable[[np.random.Generator, int], Traffic]:
    """Failures come in bursts of a mean size, each within one pod; how they vary is measured among stable's pods."""

    def draw(generator: np.random.Generator, runs: int) -> Traffic:
        candidate, stable = (np.full((runs, LOOKS), count) for count in (167, 1503))
        span = np.full((runs, _SPANS, _PODS), 1503 // _SPANS_A_MINUTE // _PODS)
        history = _burst(generator, span, size)
        return Traffic(
            candidate,
            _burst(generator, candidate, size),
            stable,
            _burst(generator, stable, size),
            dispersion=np.array([dispersion(bad, total) for bad, total in zip(history, span, strict=True)]),
        )

    return draw


def several(generator: np.random.Generator, runs: int) -> Traffic:
    """Four gates over the same requests: errors, and three edges of latency of which each holds those above it."""
    parts = []
    for count in (167, 1503):
        total = np.full((runs, LOOKS), count)
        spread = generator.multinomial(total, [*_GATES, 1 - _GATES.sum()])
        gates = [generator.binomial(total, BASE), *np.moveaxis(np.cumsum(spread[..., :3], axis=2), 2, 0)]
        parts += [np.repeat(total, 4, axis=0), np.stack(gates, axis=1).reshape(-1, LOOKS)]
    return Traffic(parts[0], parts[1], parts[2], parts[3], dispersion=np.ones(4 * runs))


def late(generator: np.random.Generator, runs: int) -> Traffic:
    """A tenth of the traffic; good for 40 minutes, and then 5 % of the candidate's requests are bad."""
    share = np.where(np.arange(LOOKS) < ONSET, BASE, 0.05)
    candidate, stable = (np.full((runs, LOOKS), count) for count in (167, 1503))
    return _independent(generator, candidate=candidate, stable=stable, shares=(share, np.array(BASE)))


SCENARIOS = (
    Scenario("weights grow while the base rate moves", growing, begins=STEPS),
    Scenario("weights are chosen by what was seen", chosen),
    Scenario("bursts of 2", bursts(2)),
    Scenario("bursts of 4", bursts(4)),
    Scenario("four gates", several, gates=4),
    Scenario("late onset, before it", late, begins=STEPS, until=ONSET),
)


def _independent(
    generator: np.random.Generator, *, candidate: IntArray, stable: IntArray, shares: tuple[FloatArray, FloatArray]
) -> Traffic:
    return Traffic(
        candidate,
        generator.binomial(candidate, shares[0]),
        stable,
        generator.binomial(stable, shares[1]),
        dispersion=np.ones(len(candidate)),
    )


def _burst(generator: np.random.Generator, total: IntArray, size: int) -> IntArray:
    """Bad requests where each failure hits 1 + Poisson(size - 1) of them."""
    events = generator.poisson(total * BASE / size)
    hit: IntArray = np.minimum(events + generator.poisson(events * (size - 1)), total)
    return hit
