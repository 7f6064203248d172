"""What the ledger's page shows of a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hack.bench import page
from hack.bench.figures import table
from hack.bench.ledger.figures import shown

PAGE = Path("docs/benchmarks/ledger.md")


def write(summary: Path) -> int:
    """Write the page anew from the run's JSON; returns the exit status."""
    return page.write(PAGE, summary, parts=parts, target="bench-ledger")


def parts(summary: Mapping[str, Any]) -> list[str]:
    """The paragraphs between the page's marks."""
    return [
        page.machine(summary["environment"]),
        f"![Entries recorded in a second, and how long entries wait]({PAGE.with_suffix('.svg').name})",
        table(summary["figures"], shown),
        _rates(summary),
        *(f"Not measured: {failure}." for failure in summary["failures"]),
    ]


def _rates(summary: Mapping[str, Any]) -> str:
    lines = [
        "| database | entries come | recorded per s | the same without a chain | ratio |",
        "|---|---|---:|---:|---:|",
    ]
    for row in summary["rows"]:
        ratio = row["plain_per_s"] / row["per_s"]
        figures = f"{row['per_s']:,.0f} | {row['plain_per_s']:,.0f} | {ratio:.1f}"
        lines.append(f"| {row['database']} | {row['manner']} | {figures} |")
    return "\n".join(lines)
