"""Rollouts that did not happen: the engine's own decisions on drawn requests.

A plan says what a rollout will do; nobody knows that better than the code that decides. Runs advance side by side, each
in its own step: in the hold eight looks, and until maxHold sixteen more. Looks are longer than the spans of a rollout;
what its spans would lose is left out of the traffic (`Rollout.telling`). The generator is seeded by the caller, so the
same question has the same answer. Bad requests vary as much as the dispersion says: negative binomial above 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .eprocess import Comparisons, Evidence
from .odds import BoolArray, FloatArray, IntArray, Tick
from .readings import factor_to_clear, log_evidence_clear, log_evidence_of_rollouts, log_evidence_worse
from .spans import kept, lost

_LOOKS_IN_HOLD, _LOOKS_AFTER = 8, 16


@dataclass(frozen=True, slots=True)
class Step:
    """A share of the traffic, and how long the candidate must hold it."""

    weight: float
    """The candidate's part of all requests, greater than 0 and less than 1."""
    hold: float
    """Seconds, greater than 0."""


@dataclass(frozen=True, slots=True)
class Compared:
    """A gate that compares, and what was measured of it."""

    name: str
    bad: float
    """Stable's share of bad requests, 0 to 1."""
    tolerance: float = 1.0
    worse_by: float = 2.0
    negligible: float = 0.0
    dispersion: float = 1.0


@dataclass(frozen=True, slots=True)
class Rollout:
    """What is to be rolled out, under which traffic.

    Raises:
        ValueError: There is no step, or a number is out of its range.
    """

    steps: tuple[Step, ...]
    gates: tuple[Compared, ...]
    """None where limits alone decide."""
    rate: float
    """Requests per second to the model, all versions together."""
    max_hold: float
    """Seconds after which a step that is not cleared is given up."""
    alpha: float = 0.05
    beta: float = 0.05
    held_back: bool = False
    """Whether the last of the steps is probation, in which stable keeps a part of the traffic."""
    span: float = 5.0
    """Seconds whose requests are compared with each other, greater than 0."""

    def __post_init__(self) -> None:
        if not self.steps:
            raise ValueError("expected at least one step")
        if not all(0 < step.weight < 1 and 0 < step.hold <= self.max_hold for step in self.steps):
            raise ValueError("expected weights between 0 and 1, and holds of at most max_hold")
        if not all(0 <= gate.bad < 1 for gate in self.gates):
            raise ValueError("expected shares of bad requests from 0 to less than 1")
        if not (self.rate > 0 and self.span > 0 and 0 < self.alpha < 1 and 0 < self.beta < 1):
            raise ValueError("expected traffic, a span, and alpha and beta between 0 and 1")

    @property
    def factors(self) -> FloatArray:
        """Odds ratio that each gate must rule out before a step is left, shape (steps, gates)."""
        steps, gates = len(self.steps), len(self.gates)
        last = np.arange(steps) >= steps - 1 - self.held_back  # behind it come all requests, or nearly all
        found = factor_to_clear(
            np.repeat([step.weight for step in self.steps], gates),
            last=np.repeat(last, gates),
            worse_by=np.tile([gate.worse_by for gate in self.gates], steps),
        )
        return found.reshape(steps, gates)

    @property
    def telling(self) -> FloatArray:
        """The part of the requests that tells something of what must be ruled out, 0 to 1, shape (steps, gates)."""
        weight = np.array([[step.weight] for step in self.steps])
        return kept(lost(self.rate * self.span), weight=weight, odds=self.factors)


@dataclass(frozen=True, slots=True)
class Outcomes:
    """How the runs ended; every array has one entry per run."""

    promoted: BoolArray
    """Whether the run passed its last step."""
    rolled_back: BoolArray
    """Whether it was found worse. Runs that are neither were given up at maxHold."""
    requests: IntArray
    """Requests to the candidate until the end."""
    passed_after: FloatArray
    """Seconds that each step took, shape (runs, steps); NaN for steps that were not passed."""


def simulate(rollout: Rollout, *, odds: Sequence[float], runs: int, seed: int) -> Outcomes:
    """Run a rollout many times.

    Args:
        rollout: Steps, gates and traffic.
        odds: The candidate's odds ratio at each gate; 1 is as good as stable.
        runs: How many times.
        seed: Of the generator: the same seed, the same outcomes.

    Raises:
        ValueError: Nothing is compared.
    """
    if not rollout.gates:
        raise ValueError("expected at least one gate that compares")
    generator = np.random.default_rng(seed)
    shares = _shares(rollout, odds)
    weights, holds = (np.array([getattr(step, name) for step in rollout.steps]) for name in ("weight", "hold"))
    out = Outcomes(
        promoted=np.zeros(runs, dtype=bool),
        rolled_back=np.zeros(runs, dtype=bool),
        requests=np.zeros(runs, dtype=np.int64),
        passed_after=np.full((runs, len(weights)), np.nan),
    )
    gates, telling = len(rollout.gates), rollout.telling
    evidence = Evidence.none(_comparisons(rollout, runs)).begin(range(runs * gates))
    run, step, look, spent = np.arange(runs), np.zeros(runs, dtype=int), np.zeros(runs, dtype=int), np.zeros(runs)
    for tick in range((_LOOKS_IN_HOLD + _LOOKS_AFTER) * len(weights)):
        after = (rollout.max_hold - holds[step]) / _LOOKS_AFTER
        seconds = np.where(look < _LOOKS_IN_HOLD, holds[step] / _LOOKS_IN_HOLD, after)
        both = seconds * weights[step], seconds * (1 - weights[step])
        drawn = _draw(rollout, shares, telling[step], both, generator)
        evidence = evidence.after(Tick(np.full(run.size * gates, float(tick)), *(part.ravel() for part in drawn)))
        look, spent = look + 1, spent + seconds
        out.requests[run] += np.rint(drawn[0][:, 0] / telling[step, 0]).astype(np.int64)
        worse, clear = _decide(rollout, evidence, step)
        passed = clear & ~worse & (look >= _LOOKS_IN_HOLD)
        out.rolled_back[run[worse]] = True
        out.passed_after[run[passed], step[passed]] = spent[passed]
        step = step + passed
        out.promoted[run[step == len(weights)]] = True
        look, spent = np.where(passed, 0, look), np.where(passed, 0.0, spent)
        goes_on = ~worse & (step < len(weights)) & (look < _LOOKS_IN_HOLD + _LOOKS_AFTER)
        begins = np.repeat(passed[goes_on], gates)
        evidence = evidence.take(np.flatnonzero(np.repeat(goes_on, gates)).tolist())
        evidence = evidence.begin(np.flatnonzero(begins).tolist())
        run, step, look, spent = run[goes_on], step[goes_on], look[goes_on], spent[goes_on]
        if not run.size:
            break
    return out


def _shares(rollout: Rollout, odds: Sequence[float]) -> FloatArray:
    """Shares of bad requests at each gate, of the candidate and of stable; shape (2, gates)."""
    stable = np.array([gate.bad for gate in rollout.gates])
    ratio = np.array(odds, dtype=float)
    return np.stack([ratio * stable / (1 - stable + ratio * stable), stable])


def _comparisons(rollout: Rollout, runs: int) -> Comparisons:
    def column(name: str) -> FloatArray:
        return np.tile(np.array([float(getattr(gate, name)) for gate in rollout.gates]), runs)

    return Comparisons(
        tolerance=column("tolerance"),
        worse_by=column("worse_by"),
        dispersion=column("dispersion"),
        negligible=column("negligible"),
        starts=np.full(runs * len(rollout.gates), len(rollout.steps)),
    )


def _draw(
    rollout: Rollout,
    shares: FloatArray,
    telling: FloatArray,
    seconds: tuple[FloatArray, FloatArray],
    generator: np.random.Generator,
) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    """Requests that tell, and bad ones, of candidate and stable; each (runs, gates).

    `telling` is the part of the requests that do, (runs, gates); `seconds` of both are times weight, (runs,).
    """
    dispersion = np.array([gate.dispersion for gate in rollout.gates])
    out: list[IntArray] = []
    for share, lasting in zip(shares, seconds, strict=True):
        total = generator.poisson(rollout.rate * telling * lasting[:, None])
        single = generator.binomial(total, share)
        mean = np.maximum(total * share, 1e-12)
        burst = generator.negative_binomial(mean / np.maximum(dispersion - 1, 1e-9), 1 / dispersion)
        out += [total, np.where(dispersion > 1, np.minimum(burst, total), single)]
    return out[0], out[1], out[2], out[3]


def _decide(rollout: Rollout, evidence: Evidence, step: IntArray) -> tuple[BoolArray, BoolArray]:
    """Which runs are found worse, and which are clear of what must be ruled out before they leave their step."""
    runs, gates = step.size, len(rollout.gates)
    worse = log_evidence_of_rollouts(
        log_evidence_worse(evidence),
        weight=np.full(runs * gates, 1 / gates),
        rollout=np.repeat(np.arange(runs), gates),
        rollouts=runs,
    )
    factor = rollout.factors[step].ravel()
    clear = log_evidence_clear(evidence, worse_by=factor).reshape(runs, gates) >= np.log(1 / rollout.beta)
    return worse >= np.log(1 / rollout.alpha), clear.all(axis=1)
