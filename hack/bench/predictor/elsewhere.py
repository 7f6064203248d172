"""Figures that other commands leave under build/: the soak's and the image's."""

from __future__ import annotations

import json
from pathlib import Path

SOAK = Path("build/bench/predictor-soak.json")
IMAGE = Path("build/bench/predictor-image.json")


def figure(path: Path, name: str) -> float | None:
    """Return a figure out of a summary; None if the command that writes it was not run."""
    if not path.exists():
        return None
    value: float | None = json.loads(path.read_text())["figures"][name]
    return value
