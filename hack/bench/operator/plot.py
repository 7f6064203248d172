"""Draws the run: how long a version that broke kept its traffic, and what the operator took."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.layout_engine import ConstrainedLayoutEngine

from hack.bench.figures import Figures
from hack.bench.operator.figures import BOUNDS, Found
from hack.picture import drawn

OURS, LIMIT = "#e45756", "#888888"
_PANELS = (
    ("Memory, 1,000 rollouts", "MB", "rollouts_1000_rss_mb"),
    ("CPU, 1,000 rollouts", "cores", "rollouts_1000_cores"),
    ("API writes, 1,000 rollouts", "per second", "rollouts_1000_api_writes_per_s"),
    ("Memory, 10,000 idle", "MB", "idle_10000_rss_mb"),
)


def draw(found: Found, figures: Figures, path: Path) -> None:
    """Write the picture as SVG: text as text, and the same bytes for the same results."""
    with drawn(path, "The operator measured", size=(10, 6), layout=ConstrainedLayoutEngine(h_pad=0.12)) as picture:
        grid = picture.add_gridspec(2, 4)
        sample, change = picture.add_subplot(grid[0, :2]), picture.add_subplot(grid[0, 2:])
        few = [one.sample_to_zero_s for one in found.few]
        many = [one.sample_to_zero_s for one in found.many]
        _shares(sample, {"a few rollouts": few, "1,000 rollouts": many})
        _title(sample, "Prometheus' answer → weight 0", "share of rollbacks, %", "seconds")
        _shares(change, {"sampled every 1 s": [one.change_to_zero_s for one in found.few]})
        _title(change, "Version breaks → weight 0", "share of rollbacks, %", "seconds, with the wait for a sample")
        for column, (title, unit, name) in enumerate(_PANELS):
            axes = picture.add_subplot(grid[1, column])
            _bar(axes, figures[name], BOUNDS[name].most)
            _title(axes, title, unit)


def _shares(axes: Axes, runs: dict[str, Sequence[float]]) -> None:
    """The share of the values up to each value."""
    for place, (label, values) in enumerate(runs.items()):
        shares = [100 * (rank + 1) / len(values) for rank in range(len(values))]
        axes.step(sorted(values), shares, where="post", label=label, color=(OURS, LIMIT)[place])
    axes.set_xlim(left=0)
    axes.legend(loc="lower right", frameon=False)


def _bar(axes: Axes, value: float | None, limit: float | None) -> None:
    """What was measured beside what it may be."""
    bars = axes.bar([0, 1], [value or 0.0, limit or 0.0], width=0.6, color=[OURS, LIMIT])
    axes.bar_label(bars, fmt="{:,.3g}", fontsize=8, padding=1)
    axes.set_xticks([0, 1], ["Sluice", "limit"])


def _title(axes: Axes, title: str, unit: str, below: str = "") -> None:
    axes.set_title(title, loc="left", fontsize=9)
    axes.set_ylabel(unit)
    axes.set_xlabel(below)
    axes.spines[["top", "right"]].set_visible(False)
