"""Figures that other commands leave under build/: the soak's, and the size of the predictor's image."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hack.cluster.paths import Paths

_SOAK = "build/bench/predictor-soak.json"


def soak_growth_mb(paths: Paths) -> float | None:
    """Return what `make soak` found; None if it was not run."""
    found = _read(paths.checkout / _SOAK)
    return None if found is None else float(found["figures"]["soak_growth_mb"])


def image_mb(paths: Paths) -> float | None:
    """Return what `make images` found; None if it was not run."""
    found = _read(paths.image_figures)
    return None if found is None else float(found["image_mb"])


def _read(path: Path) -> dict[str, Any] | None:
    """Return a JSON object; None if there is no such file."""
    if not path.exists():
        return None
    found: dict[str, Any] = json.loads(path.read_text())
    return found
