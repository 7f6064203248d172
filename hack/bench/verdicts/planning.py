"""Whether a plan comes true: what it says before a rollout, beside rollouts that are played span by span.

A plan looks a few times at each step, and its closed forms not at all; here every span is drawn, folded and
answered as the operator does it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from sluice_operator.analysis.comparison import Answer, Rollouts, answers
from sluice_operator.analysis.eprocess import Comparisons, Evidence
from sluice_operator.analysis.odds import FloatArray, IntArray, Tick
from sluice_operator.analysis.plan import plan
from sluice_operator.analysis.readings import factor_to_clear
from sluice_operator.analysis.simulation import Compared, Rollout, Step
from sluice_operator.analysis.sizing import Stage, requests_to_clear, requests_to_roll_back
from sluice_operator.analysis.spans import fitting

_SPAN = 5.0
"""Seconds of a span where traffic does not ask for longer ones."""
_SEED = 11
_BAD, _WORSE_BY = 0.01, 2.0
_STEPS = (Step(0.05, 300), Step(0.10, 600), Step(0.25, 900), Step(0.50, 900))
_BUSY = Rollout(steps=_STEPS, gates=(Compared("errors", bad=_BAD, worse_by=_WORSE_BY),), rate=20.0, max_hold=3600)
_SIZES = ((0.01, 2.0), (0.01, 3.0), (0.05, 2.0), (0.001, 5.0))
"""Stable's share of bad requests, and the odds ratio that is found or ruled out."""


@dataclass(frozen=True, slots=True)
class Told:
    """Something that a plan says, and what came."""

    what: str
    said: float
    came: float

    @property
    def ratio(self) -> float:
        """The greater over the lesser."""
        return max(self.said, self.came) / min(self.said, self.came)


@dataclass(frozen=True, slots=True)
class Played:
    """How played rollouts ended."""

    promoted: float
    """Share of them."""
    rolled_back: float
    requests: float
    """Requests to the candidate until the end, on average."""
    minutes: tuple[float | None, ...]
    """What each step took, in the median of those that passed it; None where none did."""
    passed: tuple[float, ...]
    """Share of all that passed each step."""


def told(runs: int) -> Iterator[Told]:
    """Every statement of plans that is checked, one after the other."""
    for bad, odds in _SIZES:
        stage, about = Stage(weight=0.1, bad=bad), f"{bad:.1%} bad, {odds:g} times"
        found = requests_to_roll_back(stage, odds=odds, alpha=_BUSY.alpha)
        came = play(_alone(bad, odds, requests=found, free=False), odds=odds, runs=runs)
        yield Told(f"{about}: requests to find it", found, came.requests)
        cleared = requests_to_clear(stage, odds=odds, beta=_BUSY.beta)
        came = play(_alone(bad, odds, requests=cleared, free=True), odds=1.0, runs=runs)
        yield Told(f"{about}: requests to rule it out", cleared, came.requests)
    for rate in (20.0, 2.0):
        yield from _of_plan(replace(_BUSY, rate=rate, span=fitting(_SPAN, rate=rate, weight=_STEPS[0].weight)), runs)


def _of_plan(rollout: Rollout, runs: int) -> Iterator[Told]:
    about, said = f"{rollout.rate:g} requests/s", plan(rollout)
    good, bad = (play(rollout, odds=odds, runs=runs) for odds in (1.0, _WORSE_BY))
    yield Told(f"{about}: a good version is promoted", said.promoted, good.promoted)
    yield Told(f"{about}: one twice as bad is taken back", said.gates[0].rolled_back, bad.rolled_back)
    more = _share(_BAD, _WORSE_BY) - _BAD
    yield Told(f"{about}: requests that fail until then", said.gates[0].failed_requests, bad.requests * more)
    for number, (step, came) in enumerate(zip(said.steps, good.minutes, strict=True), start=1):
        if step.minutes is not None and came is not None:
            yield Told(f"{about}: minutes of step {number}", step.minutes, came)


def _alone(bad: float, odds: float, *, requests: float, free: bool) -> Rollout:
    """One step that gets as many requests in 100 spans; left as soon as it is cleared (free), or never."""
    most = 1000 * _SPAN
    return Rollout(
        steps=(Step(weight=0.1, hold=_SPAN if free else most),),
        gates=(Compared("errors", bad=bad, worse_by=odds),),
        rate=requests / (0.1 * 100 * _SPAN),
        max_hold=most,
    )


def play(rollout: Rollout, *, odds: float, runs: int) -> Played:
    """Play a rollout of one gate with a candidate that is worse by these odds there."""
    generator = np.random.default_rng(_SEED)
    weights, holds = (np.array([getattr(step, name) for step in rollout.steps]) for name in ("weight", "hold"))
    evidence = _evidence(rollout, runs).begin(range(runs))
    run, step, spent = np.arange(runs), np.zeros(runs, dtype=np.int64), np.zeros(runs)
    requests, promoted, rolled_back = np.zeros(runs), np.zeros(runs, dtype=bool), np.zeros(runs, dtype=bool)
    took = np.full((runs, weights.size), np.nan)
    while run.size:
        tick = _tick(generator, rollout, odds=odds, weight=weights[step], at=evidence.through)
        evidence, spent = evidence.after(tick), spent + rollout.span
        requests[run] += tick.candidate
        said = answers(evidence, _asked(rollout, weights, step))
        worse = np.array([one.answer is Answer.WORSE for one in said])
        passed = np.array([one.answer is Answer.CLEAR for one in said]) & (spent >= holds[step])
        took[run[passed], step[passed]] = spent[passed] / 60
        step, spent = step + passed, np.where(passed, 0.0, spent)
        promoted[run], rolled_back[run] = step == weights.size, worse
        goes_on = ~worse & (step < weights.size) & (spent < rollout.max_hold)
        evidence = evidence.take(np.flatnonzero(goes_on).tolist())
        evidence = evidence.begin(np.flatnonzero(passed[goes_on]).tolist())
        run, step, spent = run[goes_on], step[goes_on], spent[goes_on]
    return Played(
        promoted=float(promoted.mean()),
        rolled_back=float(rolled_back.mean()),
        requests=float(requests.mean()),
        minutes=tuple(_median(column) for column in took.T),
        passed=tuple(float((~np.isnan(column)).mean()) for column in took.T),
    )


def _evidence(rollout: Rollout, runs: int) -> Evidence:
    gate = rollout.gates[0]
    return Evidence.none(
        Comparisons(
            tolerance=np.full(runs, gate.tolerance),
            worse_by=np.full(runs, gate.worse_by),
            dispersion=np.full(runs, gate.dispersion),
            negligible=np.full(runs, gate.negligible),
            starts=np.full(runs, len(rollout.steps)),
        )
    )


def _asked(rollout: Rollout, weights: FloatArray, step: IntArray) -> Rollouts:
    rows = step.size
    worse_by = np.full(rows, rollout.gates[0].worse_by)
    return Rollouts(
        rollout=np.arange(rows),
        weight=np.ones(rows),
        factor=factor_to_clear(weights[step], last=step == weights.size - 1, worse_by=worse_by),
        alpha=np.full(rows, rollout.alpha),
        beta=np.full(rows, rollout.beta),
    )


def _tick(generator: np.random.Generator, rollout: Rollout, *, odds: float, weight: FloatArray, at: FloatArray) -> Tick:
    bad = rollout.gates[0].bad
    candidate, stable = (generator.poisson(rollout.rate * rollout.span * part) for part in (weight, 1 - weight))
    return Tick(
        at=np.maximum(at, 0.0) + rollout.span,
        candidate=candidate,
        candidate_bad=generator.binomial(candidate, _share(bad, odds)),
        stable=stable,
        stable_bad=generator.binomial(stable, bad),
    )


def _share(bad: float, odds: float) -> float:
    """The share of bad requests of a version that is worse by these odds."""
    return odds * bad / (1 - bad + odds * bad)


def _median(minutes: FloatArray) -> float | None:
    passed = minutes[~np.isnan(minutes)]
    return float(np.median(passed)) if passed.size else None
