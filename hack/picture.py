"""A picture as SVG: text as text, and the same bytes for the same results."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine


@contextmanager
def drawn(
    path: Path, title: str, *, size: tuple[float, float], layout: ConstrainedLayoutEngine | None = None
) -> Iterator[Figure]:
    """Draw into the figure that this gives; it is written in the end.

    Args:
        path: The file; its folder is made where it is missing.
        title: What the file calls itself.
        size: Width and height in inches.
        layout: With other distances than the usual ones.
    """
    with mpl.rc_context(
        {"svg.fonttype": "none", "svg.hashsalt": "sluice", "font.family": "sans-serif", "font.size": 9}
    ):
        figure = Figure(figsize=size, layout=layout or ConstrainedLayoutEngine(), facecolor="white")
        yield figure
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None, "Title": title})
