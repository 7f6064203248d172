"""How often each method takes a version back, and after how many requests: the table, and the worlds of good versions.

The runs of a cell are drawn as the research drew them, from the same seeds, so that the product is compared with its
prototype on the same requests.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hack.bench.verdicts.others import METHODS, ON_TOTALS
from hack.bench.verdicts.product import ALPHA, taken_back
from hack.bench.verdicts.traffic import BASE, LOOKS, ONSET, SCENARIOS, Scenario, late, steady
from sluice_operator.analysis.odds import BoolArray, IntArray

PRODUCT = "Sluice"
CONSTANT = "constant"
_SIZES = {0.01: (1000, 5000, 10000, 50000), 0.02: (1000, 5000, 10000), 0.05: (1000,)}
CELLS = tuple((requests, bad) for bad, sizes in _SIZES.items() for requests in sizes)
"""Requests to the candidate, and its share of bad ones. Where the share is the base rate it is as good as stable."""
_SEED = 7


@dataclass(frozen=True, slots=True)
class Rate:
    """How often a method takes versions back."""

    scenario: str
    method: str
    requests: int | None
    """Requests to the candidate until the last look; None where weights move."""
    bad: float
    """The candidate's share of bad requests; the base rate where it is as good as stable."""
    runs: int
    taken_back: float
    mean_requests: float | None
    """Requests to the candidate until it is taken back or the last look is over, on average."""

    @property
    def excess_se(self) -> float:
        """By how many standard errors it is above alpha."""
        return (self.taken_back - ALPHA) / float(np.sqrt(ALPHA * (1 - ALPHA) / self.runs))


def cell(requests: int, bad: float, *, runs: int) -> list[Rate]:
    """Every method on the same runs of one cell of the table."""
    drawn = steady(np.random.default_rng(_SEED + requests), runs, requests=requests, bad=bad)
    found = {PRODUCT: taken_back(drawn), **{name: method(drawn) for name, method in METHODS.items()}}
    return [
        Rate(
            scenario=CONSTANT,
            method=name,
            requests=requests,
            bad=bad,
            runs=runs,
            taken_back=float(fires.any(axis=1).mean()),
            mean_requests=float(_until(fires, drawn.candidate).mean()),
        )
        for name, fires in found.items()
    ]


def world(scenario: Scenario, *, runs: int) -> list[Rate]:
    """The product, and tests on totals, on the same runs of a scenario."""
    drawn = scenario.draw(np.random.default_rng(_SEED), runs)
    found = {PRODUCT: taken_back(drawn, gates=scenario.gates, begins=scenario.begins)}
    for name in ON_TOTALS:
        rows = METHODS[name](drawn)
        found[name] = np.asarray(rows.reshape(runs, scenario.gates, LOOKS).any(axis=1))
    return [
        Rate(
            scenario=scenario.name,
            method=name,
            requests=None,
            bad=BASE,
            runs=runs,
            taken_back=float(fires[:, : scenario.until].any(axis=1).mean()),
            mean_requests=None,
        )
        for name, fires in found.items()
    ]


@dataclass(frozen=True, slots=True)
class Late:
    """What becomes of a version that breaks after 40 good minutes."""

    steps: int
    """How many times the test for harm begins anew."""
    taken_back: float
    """Share of those that were not taken back before."""
    minutes: float
    """From the onset until then, on average."""


def found_late(begins: Sequence[int], *, runs: int) -> Late:
    """How soon a version that breaks late is taken back where steps begin at these looks."""
    fires = taken_back(late(np.random.default_rng(_SEED), runs), begins=tuple(begins))
    after = fires[~fires[:, :ONSET].any(axis=1)][:, ONSET:]
    delays = _first(after)
    return Late(len(begins), float(after.any(axis=1).mean()), float(np.minimum(delays + 1, after.shape[1]).mean()))


def parts(runs: int) -> Mapping[str, Callable[[], list[Rate]]]:
    """All cells and scenarios, by what is said of them while they run."""
    cells = {
        f"{requests:,} requests, {bad:.0%} bad": lambda requests=requests, bad=bad: cell(requests, bad, runs=runs)
        for requests, bad in CELLS
    }
    return {**cells, **{one.name: lambda one=one: world(one, runs=runs) for one in SCENARIOS}}


def _first(fires: BoolArray) -> IntArray:
    """The first look at which each row fires; the number of looks where none does."""
    first: IntArray = np.where(fires.any(axis=1), fires.argmax(axis=1), fires.shape[1])
    return first


def _until(fires: BoolArray, requests: IntArray) -> IntArray:
    """Requests until each row fires, or all of them."""
    last = np.minimum(_first(fires), fires.shape[1] - 1)
    so_far: IntArray = np.cumsum(requests, axis=1)
    until: IntArray = np.take_along_axis(so_far, last[:, None], axis=1)[:, 0]
    return until
