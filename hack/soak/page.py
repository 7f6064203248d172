"""What docs/soak.md shows of the last soak."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hack.bench import page

PAGE = Path("docs/soak.md")
SUMMARY = Path("build/bench/soak.json")

_MEANING = {
    "requests": "requests that clients sent and got an answer to",
    "promotions": "good versions, each promoted",
    "rollbacks": "bad versions, each taken back by its gate",
    "upgrades": "`helm upgrade` from the chart before its last change, and `helm rollback`, each under a rollout",
    "outage_s": "seconds without an operator, in the middle of a rollout",
    "errors_of_bad_versions": "errors that the bad versions themselves answered while they had traffic",
    "errors_outside": "all other errors: must be 0",
    "held_back": "requests not sent, because 256 others waited for their answers",
    "latency_p50_ms": "median latency",
    "latency_p99_ms": "99th percentile of the latency",
    "latency_max_ms": "longest latency",
    "duration_s": "seconds from the first request to the last answer",
}


def parts(summary: Mapping[str, Any]) -> list[str]:
    """The paragraphs between the page's marks."""
    return counted(summary, _MEANING)


def write() -> None:
    """Write the page anew from the last run's JSON.

    Raises:
        FileNotFoundError: There was no run.
        ValueError: The page has no marks.
    """
    PAGE.write_text(page.filled(PAGE.read_text(), parts(json.loads(SUMMARY.read_text()))))


def counted(summary: Mapping[str, Any], meaning: Mapping[str, str]) -> list[str]:
    """What any soak's page begins with: the machine, and the figures with what each means."""
    environment = summary["environment"]
    machine = (
        f"{environment['cores']} cores, {environment['memory_gb']:.0f} GB, {environment['system']}, "
        f"Kubernetes {environment['kubernetes']}."
    )
    lines = ["| figure | value | what it is |", "|---|---:|---|"]
    lines += [f"| `{name}` | {_shown(value)} | {meaning[name]} |" for name, value in summary["figures"].items()]
    return [machine, "\n".join(lines)]


def _shown(value: float | None) -> str:
    return "not measured" if value is None else f"{value:,}"
