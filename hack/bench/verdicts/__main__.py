"""`python -m hack.bench.verdicts`: how often verdicts err, how soon they come, beside other methods; seeded."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from hack.bench.command import OUTPUT, command
from hack.bench.machine import machine
from hack.bench.verdicts import docs, shown, story
from hack.bench.verdicts.figures import Found, figures
from hack.bench.verdicts.load import ROLLOUTS, core_share
from hack.bench.verdicts.planning import told
from hack.bench.verdicts.plot import draw
from hack.bench.verdicts.rates import found_late, parts
from hack.bench.verdicts.traffic import STEPS
from hack.cluster.steps import write_whole

RUNS, PLAYED = 2000, 1000
"""Runs of a cell, and rollouts that are played beside a plan."""
_LIBRARIES = ("numpy", "scipy")


def main() -> int:
    """Run the benchmark; returns the exit status."""
    return command("verdicts", doc=__doc__, measure=_measure, write_docs=docs.write)


def _measure(console: Console, name: str) -> int:
    quick = name.endswith("-quick")
    runs, played = (100, 50) if quick else (RUNS, PLAYED)
    found, rates = Found(), parts(runs)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("", total=len(rates) + 3)

        def begins(what: str) -> None:
            progress.update(task, description=what)

        for what, measure in rates.items():
            begins(what)
            found.rates += measure()
            progress.advance(task)
        begins("late onset")
        found.late = [found_late(begun, runs=runs) for begun in ((0,), STEPS)]
        progress.advance(task)
        begins("plans")
        found.told = list(told(played))
        progress.advance(task)
        begins("load")
        found.core_share = core_share(rollouts=ROLLOUTS // (20 if quick else 1))
        progress.advance(task)
    _keep(console, found, path=OUTPUT / f"{name}.json", runs=runs)
    return 0


def _keep(console: Console, found: Found, *, path: Path, runs: int) -> None:
    """Write down and show what was found."""
    summary: dict[str, Any] = {
        "figures": figures(found),
        "environment": machine(_LIBRARIES),
        "runs": runs,
        "rows": [{**dataclasses.asdict(rate), "excess_se": rate.excess_se} for rate in found.rates],
        "late": [dataclasses.asdict(one) for one in found.late],
        "plans": [{**dataclasses.asdict(one), "ratio": one.ratio} for one in found.told],
    }
    write_whole(path, json.dumps(summary, indent=2) + "\n")
    draw(found, path.with_suffix(".svg"))
    story.draw(docs.story_beside(path))
    _print(console, shown.table(summary["rows"]))
    _print(console, shown.worlds(summary["rows"]))
    for sentence in shown.late(summary["late"]):
        console.print(sentence)
    _print(console, shown.plans(summary["plans"]))
    _print(console, [["figure", "value", "must be", "is it"], *docs.figure_lines(summary["figures"])])
    console.print(f"figures: {path}   picture: {path.with_suffix('.svg')}")


def _print(console: Console, lines: Sequence[Sequence[str]]) -> None:
    head, *rest = lines
    table = Table(*head, box=None, padding=(0, 1, 0, 0))
    for line in rest:
        table.add_row(*line)
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
