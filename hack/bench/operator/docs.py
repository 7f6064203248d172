"""What the operator's page shows of a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hack.bench import page
from hack.bench.figures import table
from hack.bench.operator.figures import shown

PAGE = Path("docs/benchmarks/operator.md")


def write(summary: Path) -> int:
    """Write the page anew from the run's JSON; returns the exit status."""
    return page.write(PAGE, summary, parts=parts, target="bench-operator")


def parts(summary: Mapping[str, Any]) -> list[str]:
    """The paragraphs between the page's marks."""
    return [
        page.machine(summary["environment"]),
        f"![Time from a bad answer to weight 0, and what the operator takes]({PAGE.with_suffix('.svg').name})",
        table(summary["figures"], shown),
        *(f"Not measured: {failure}." for failure in summary["failures"]),
    ]
