"""What the predictor's page shows of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hack.bench import page
from hack.bench.predictor.agreement import Agreement
from hack.bench.predictor.figures import Figures, Found
from hack.bench.predictor.report import BOUNDS, COLUMNS, TITLES, agreements, cells_of, disturbance, precisions
from hack.bench.predictor.results import Row

PAGE = Path("docs/benchmarks/predictor.md")


def write(summary: Path) -> int:
    """Write the page anew from the run's JSON; returns the exit status."""
    return page.write(PAGE, summary, parts=parts, target="bench-predictor")


def parts(summary: Mapping[str, Any]) -> list[str]:
    """The paragraphs between the page's marks."""
    found = Found(
        rows=[Row(**row) for row in summary["rows"]],
        agreements=[Agreement(**one) for one in summary["agreements"]],
        starts=summary["starts"],
        precisions=summary["precisions"],
    )
    paragraphs = [
        _machine(summary["environment"]),
        f"![Throughput, latency, CPU, memory and start of five servers]({PAGE.with_suffix('.svg').name})",
        _figures(summary["figures"]),
        _shortfalls(summary["figures"]),
        _rows(found.rows),
        disturbance(found.rows),
        _starts(found.starts),
        "\n".join(f"- {line}" for line in (*agreements(found), *precisions(found))),
    ]
    return [paragraph for paragraph in paragraphs if paragraph]


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
