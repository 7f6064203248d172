"""Puts the last run into docs/benchmarks/: its table between two marks of the page, its JSON and its picture."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hack.bench.predictor.report import BOUNDS, COLUMNS, TITLES, cells_of
from hack.bench.predictor.results import Row

PAGE = Path("docs/benchmarks/predictor.md")
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


def write(summary: Path) -> int:
    """Write the page anew from the run's JSON; returns the exit status."""
    if not summary.exists():
        print(f"bench: {summary} is not there: run `make bench-predictor` first", file=sys.stderr)
        return 1
    PAGE.write_text(filled(PAGE.read_text(), json.loads(summary.read_text())))
    for path in (summary, summary.with_suffix(".svg")):
        shutil.copyfile(path, PAGE.with_suffix(path.suffix))
    return 0


def filled(page: str, summary: Mapping[str, Any]) -> str:
    """Return the page with a run's tables between its marks.

    Raises:
        ValueError: The page has no marks.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE}: no {BEGIN} … {END}")
    rows = [Row(**row) for row in summary["rows"]]
    parts = (_machine(summary["environment"]), _figures(summary["figures"]), _rows(rows))
    return f"{before}{BEGIN}\n\n" + "\n\n".join(parts) + f"\n\n{END}{after}"


def _machine(environment: Mapping[str, Any]) -> str:
    versions = {**environment["versions"], **environment["versions_of_others"]}
    named = ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
    return (
        f"{environment['cores']} cores, {environment['processor']} (family/model {environment['processor_family']}; "
        f"{', '.join(environment['processor_flags'])}), {environment['memory_gb']:.0f} GB, "
        f"Python {environment['python']}, {named}."
    )


def _figures(figures: Mapping[str, float | None]) -> str:
    lines = ["| figure | value | must be |", "|---|---:|---|"]
    for name, value in figures.items():
        bound = BOUNDS.get(name)
        shown = "not measured" if value is None else f"{value:g}"
        lines.append(f"| `{name}` | {shown} | {bound or ''} |")
    return "\n".join(lines)


def _rows(rows: Sequence[Row]) -> str:
    lines = ["| cell | server | " + " | ".join(COLUMNS) + " |", "|---|---|" + "---:|" * len(COLUMNS)]
    lines += [f"| {row.cell} | {TITLES[row.server]} | " + " | ".join(cells_of(row, rows)) + " |" for row in rows]
    return "\n".join(lines)
