"""A benchmark's page under docs/: the last run between two marks of it, beside it the run's JSON and picture."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"

Parts = Callable[[Mapping[str, Any]], Sequence[str]]
"""What a page shows of a run's JSON, paragraph by paragraph."""


def write(page: Path, summary: Path, *, parts: Parts, target: str) -> int:
    """Write a page anew from a run's JSON; returns the exit status.

    Args:
        page: The page.
        summary: The JSON; the picture lies beside it under the same name.
        parts: What is shown of it.
        target: The target of the Makefile that makes the JSON.
    """
    if not summary.exists():
        print(f"bench: {summary} is not there: run `make {target}` first", file=sys.stderr)
        return 1
    page.write_text(filled(page.read_text(), parts(json.loads(summary.read_text()))))
    for path in (summary, summary.with_suffix(".svg")):
        shutil.copyfile(path, page.with_suffix(path.suffix))
    return 0


def machine(environment: Mapping[str, Any]) -> str:
    """What a run was made on, as a sentence."""
    versions = ", ".join(f"{name} {version}" for name, version in sorted(environment["versions"].items()))
    return (
        f"{environment['cores']} cores, {environment['processor']}, {environment['memory_gb']:.0f} GB, "
        f"{environment['system']}, Python {environment['python']}, {versions}."
    )


def filled(page: str, parts: Sequence[str]) -> str:
    """Return a page with these paragraphs between its marks.

    Raises:
        ValueError: The page has no marks.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"no {BEGIN} … {END} in the page")
    return f"{before}{BEGIN}\n\n" + "\n\n".join(parts) + f"\n\n{END}{after}"
