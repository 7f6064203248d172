"""Puts the last run into docs/benchmarks/: its tables between two marks of the page, beside it its JSON and picture."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hack.bench.predictor.agreement import Agreement
from hack.bench.predictor.figures import Figures, Found
from hack.bench.predictor.report import BOUNDS, COLUMNS, TITLES, agreements, cells_of, disturbance, precisions
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
    """Return the page with a run's results between its marks.

    Raises:
        ValueError: The page has no marks.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE}: no {BEGIN} … {END}")
    return f"{before}{BEGIN}\n\n" + "\n\n".join(_parts(summary)) + f"\n\n{END}{after}"


def _parts(summary: Mapping[str, Any]) -> list[str]:
    found = Found(
        rows=[Row(**row) for row in summary["rows"]],
        agreements=[Agreement(**one) for one in summary["agreements"]],
        starts=summary["starts"],
        precisions=summary["precisions"],
    )
    parts = [
        _machine(summary["environment"]),
        f"![Throughput, latency, CPU, memory and start of five servers]({PAGE.with_suffix('.svg').name})",
        _figures(summary["figures"]),
        _shortfalls(summary["figures"]),
        _rows(found.rows),
        disturbance(found.rows),
        _starts(found.starts),
        "\n".join(f"- {line}" for line in (*agreements(found), *precisions(found))),
    ]
    return [part for part in parts if part]


def _machine(environment: Mapping[str, Any]) -> str:
    """The environment: the versions of the other servers' one only where it differs from ours."""
    ours, others = environment["versions"], environment["versions_of_others"]
    named = _named(ours)
    apart = _named({name: version for name, version in others.items() if ours.get(name) != version})
    return (
        f"{environment['cores']} cores, {environment['processor']} (family/model {environment['processor_family']}; "
        f"{', '.join(environment['processor_flags'])}), {environment['memory_gb']:.0f} GB, {environment['system']}, "
        f"Python {environment['python']}, {named}; in the environment of the others {apart}."
    )


def _named(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))


def _figures(figures: Figures) -> str:
    lines = ["| figure | value | must be |", "|---|---:|---|"]
    for name, value in figures.items():
        bound = BOUNDS.get(name)
        shown = "not measured" if value is None else f"{value:g}"
        lines.append(f"| `{name}` | {shown} | {bound or ''} |")
    return "\n".join(lines)


def _shortfalls(figures: Figures) -> str:
    """What misses its target, and what was not measured."""
    missed = [
        f"`{name}` is {figures[name]:g} and must be {bound}"
        for name, bound in BOUNDS.items()
        if figures.get(name) is not None and not bound.holds(figures[name])
    ]
    unknown = [f"`{name}`" for name, value in figures.items() if value is None]
    said = (
        "**Falls short:** " + "; ".join(missed) + "." if missed else "Every figure that was measured is as it must be."
    )
    return said + (f" Not measured: {', '.join(unknown)}." if unknown else "")


def _starts(starts: Mapping[str, float]) -> str:
    named = ", ".join(f"{TITLES[key]} {seconds:.1f}" for key, seconds in starts.items())
    return f"From a server's start to its first answer, seconds: {named}." if named else ""


def _rows(rows: Sequence[Row]) -> str:
    lines = ["| cell | server | " + " | ".join(COLUMNS) + " |", "|---|---|" + "---:|" * len(COLUMNS)]
    lines += [f"| {row.cell} | {TITLES[row.server]} | " + " | ".join(cells_of(row, rows)) + " |" for row in rows]
    return "\n".join(lines)
