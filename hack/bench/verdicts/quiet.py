"""`python -m hack.bench.verdicts.quiet`: what spans that fit a quiet service gain, beside spans of 5 s; seeded.

A service with 1 request a second, 5 % of which are bad, and a step of 10 %: how long a good version takes until the
step is cleared, and how many requests a bad one gets until it is taken back.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from rich.console import Console
from rich.table import Table

from hack.bench.verdicts.planning import Played, play
from sluice_operator.analysis.simulation import Compared, Rollout, Step
from sluice_operator.analysis.spans import fitting

RUNS = 1000
_SHORT, _RATE, _WEIGHT = 5.0, 1.0, 0.1
_FITTING = fitting(_SHORT, rate=_RATE, weight=_WEIGHT)
_QUIET = Rollout(
    steps=(Step(weight=_WEIGHT, hold=60), Step(weight=0.5, hold=60)),
    gates=(Compared("errors", bad=0.05, worse_by=2.0),),
    rate=_RATE,
    max_hold=3600,
)
_TIMES_WORSE = (1.0, 3.0, 10.0)


@dataclass(frozen=True, slots=True)
class Gain:
    """The same rollouts, with both lengths of spans."""

    odds: float
    """By which the candidate is worse."""
    short: Played
    fitting: Played


def gains(*times_worse: float, runs: int = RUNS) -> Iterator[Gain]:
    """How rollouts of versions end that are worse by these odds; 1 is a good one."""
    for odds in times_worse:
        short, fits = (play(replace(_QUIET, span=span), odds=odds, runs=runs) for span in (_SHORT, _FITTING))
        yield Gain(odds, short, fits)


def main() -> None:
    """Measure, and print what was found."""
    columns = ("odds ratio", "spans", "step 1 is cleared", "minutes until then", "taken back", "requests until the end")
    table = Table(*columns, box=None, padding=(0, 2, 0, 0))
    for gain in gains(*_TIMES_WORSE):
        for span, played in ((_SHORT, gain.short), (_FITTING, gain.fitting)):
            minutes, back = played.minutes[0], f"{played.rolled_back:.1%}"
            took = "never" if minutes is None else f"{minutes:.1f}"
            cleared = f"{played.passed[0]:.1%}"
            table.add_row(f"{gain.odds:g}", f"{span:g} s", cleared, took, back, f"{played.requests:.0f}")
    Console().print(table)


if __name__ == "__main__":
    main()
