"""A line that says how much of a large directory is read, on a terminal only."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sluice_predictor.artifact.tree import Advance

_INTERVAL = 0.2


@contextmanager
def reading(directory: Path) -> Iterator[Advance]:
    """Show progress on standard error while the files of a directory are read; the line is gone at the end."""
    if not sys.stderr.isatty():
        yield lambda _count: None
        return
    # What is there and not what should be: this is shown, never believed.
    total = sum(path.lstat().st_size for path in directory.rglob("*")) or 1
    done, shown_at = 0, time.monotonic()

    def advance(count: int) -> None:
        nonlocal done, shown_at
        done += count
        if time.monotonic() - shown_at >= _INTERVAL:
            shown_at = time.monotonic()
            sys.stderr.write(f"\r\x1b[Khashing {done / 1e6:,.0f} of {total / 1e6:,.0f} MB ({min(done / total, 1):.0%})")
            sys.stderr.flush()

    try:
        yield advance
    finally:
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()
