"""Figures that other commands leave under build/: the soak's, and the size of the predictor's image."""

from __future__ import annotations

import json
from pathlib import Path

from hack.cluster.paths import Paths

_SOAK = "build/bench/predictor-soak.json"


def soak_growth_mb(paths: Paths) -> float | None:
    """Return what `make soak` found; None if it was not run."""
    return _figure(paths.checkout / _SOAK, "soak_growth_mb")


def image_mb(paths: Paths) -> float | None:
    """Return what `make images` found; None if it was not run."""
    return _figure(paths.image_figures, "image_mb")


def _figure(path: Path, name: str) -> float | None:
    return float(json.loads(path.read_text())["figures"][name]) if path.exists() else None
