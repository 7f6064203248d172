"""What the page of verdicts shows of a run, and the picture of docs/verdicts.md."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hack.bench import page
from hack.bench.figures import judged
from hack.bench.verdicts import shown
from hack.bench.verdicts.figures import BOUNDS

PAGE = Path("docs/benchmarks/verdicts.md")
STORY = Path("docs/verdicts.svg")


def write(summary: Path) -> int:
    """Write the page anew from the run's JSON; returns the exit status."""
    status = page.write(PAGE, summary, parts=parts, target="bench-verdicts")
    if status == 0:
        shutil.copyfile(story_beside(summary), STORY)
    return status


def story_beside(summary: Path) -> Path:
    """Where a run leaves the picture of evidence over time."""
    return summary.with_name(f"{summary.stem}-story.svg")


def parts(summary: Mapping[str, Any]) -> list[str]:
    """The paragraphs between the page's marks."""
    return [
        f"{summary['runs']:,} runs a cell, seeded. {page.machine(summary['environment'])}",
        f"![How often versions are taken back]({PAGE.with_suffix('.svg').name})",
        "Share of versions taken back, by how bad the candidate is and how many requests it gets; in brackets the mean "
        "of its requests until then, or until the end:",
        _table(shown.table(summary["rows"])),
        "Share of versions **as good as stable** that are taken back in other worlds:",
        _table(shown.worlds(summary["rows"])),
        *shown.late(summary["late"]),
        "What a plan says, beside 1,000 rollouts that were played span by span:",
        _table(shown.plans(summary["plans"])),
        _table([["figure", "value", "must be", "is it"], *figure_lines(summary["figures"])]),
    ]


def figure_lines(figures: Mapping[str, float | None]) -> list[list[str]]:
    """Each figure, what it must be, and whether it is."""
    return [[f"`{name}`", *judged(value, BOUNDS.get(name))] for name, value in figures.items()]


def _table(lines: Sequence[Sequence[str]]) -> str:
    head, *rest = lines
    rule = ["---", *("---:" for _ in head[1:])]
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, rule, *rest))
