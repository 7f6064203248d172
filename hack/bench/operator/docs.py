"""Puts the last run into docs/benchmarks/: its figures between two marks of the page, and its JSON and picture."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hack.bench.operator.figures import shown
from hack.bench.predictor.docs import BEGIN, END

PAGE = Path("docs/benchmarks/operator.md")


def write(summary: Path) -> int:
    """Write the page anew from the run's JSON; returns the exit status."""
    if not summary.exists():
        print(f"bench: {summary} is not there: run `make bench-operator` first", file=sys.stderr)
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
    parts = [
        _machine(summary["environment"]),
        f"![Time from a bad answer to weight 0, and what the operator takes]({PAGE.with_suffix('.svg').name})",
        _figures(summary["figures"]),
        *(f"Not measured: {failure}." for failure in summary["failures"]),
    ]
    return f"{before}{BEGIN}\n\n" + "\n\n".join(parts) + f"\n\n{END}{after}"


def _machine(environment: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in sorted(environment["versions"].items()))
    return (
        f"{environment['cores']} cores, {environment['processor']}, {environment['memory_gb']:.0f} GB, "
        f"{environment['system']}, Python {environment['python']}, {versions}."
    )


def _figures(figures: Mapping[str, float | None]) -> str:
    lines = ["| figure | value | must be | is it |", "|---|---:|---|---|"]
    lines += [f"| `{name}` | {' | '.join(shown(name, value))} |" for name, value in figures.items()]
    return "\n".join(lines)
