"""What docs/verdicts-soak.md shows of the last run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hack.bench import page
from hack.soak.page import counted

PAGE = Path("docs/verdicts-soak.md")
SUMMARY = Path("build/bench/soak-verdicts.json")

_MEANING = {
    "same_rollouts": "rollouts of a version against itself, both with errors",
    "same_promoted": "of these, promoted",
    "same_rolled_back": "of these, rolled back: must be 0",
    "clean_rollouts": "rollouts of a version against itself, no errors at all",
    "clean_promoted": "of these, promoted: must be all",
    "clean_rolled_back": "of these, rolled back: must be 0",
    "harm_rollouts": "rollouts of a version that fails twice as often",
    "harm_promoted": "of these, promoted: must be 0",
    "harm_rolled_back": "of these, rolled back: must be all",
    "quiet_rollouts": "rollouts of a version against itself at 1 request a second",
    "quiet_promoted": "of these, promoted while they were watched: must be 0",
    "quiet_rolled_back": "of these, rolled back: must be 0",
    "base_error_ratio": "share of requests that failed, of those to versions against themselves",
    "harm_error_ratio": "share of requests that failed, of those to versions with harm",
    "harm_weight_most_percent": "most traffic that a version with harm had: must be below 50",
    "harm_requests_median": "requests that a version with harm answered until it was taken back, median",
    "harm_requests_most": "the same, most",
    "harm_s_median": "seconds from applying a version with harm to its end, median",
    "quiet_requests_needed": "requests that the quiet one said it still needed",
    "quiet_s_needed": "seconds that it said these take to come",
    "requests": "requests that all these versions answered in their rollouts",
    "duration_s": "seconds from the first version to the last end",
}


def parts(summary: Mapping[str, Any]) -> list[str]:
    """The paragraphs between the page's marks."""
    harm = [row for row in summary["rows"] if row["kind"] == "harm" and row["reason"]]
    quiet = [row for row in summary["rows"] if row["kind"] == "quiet"]
    said = [f"What a version with harm was taken back for:\n\n> {row['reason']}" for row in harm[:1]]
    said += [f"What the quiet one said when it was last looked at:\n\n> {row['said']}" for row in quiet]
    return [*counted(summary, _MEANING), *said]


def write() -> None:
    """Write the page anew from the last run's JSON.

    Raises:
        FileNotFoundError: There was no run.
        ValueError: The page has no marks.
    """
    PAGE.write_text(page.filled(PAGE.read_text(), parts(json.loads(SUMMARY.read_text()))))
