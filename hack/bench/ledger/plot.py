"""Draws the run: entries in a second with and without a chain, and how long entries of 1,000 rollouts wait."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.layout_engine import ConstrainedLayoutEngine

from hack.bench.ledger.appends import Rate
from hack.bench.ledger.figures import Found
from hack.picture import drawn

OURS, PLAIN = "#e45756", "#b8b8b8"


def draw(found: Found, path: Path) -> None:
    """Write the picture as SVG: text as text, and the same bytes for the same results."""
    with drawn(path, "The ledger measured", size=(10, 3.6), layout=ConstrainedLayoutEngine(w_pad=0.12)) as picture:
        appends, waits = picture.subplots(1, 2)
        _bars(appends, found.rates)
        _title(appends, "Entries recorded", "per second", "")
        for lags, colour in zip(found.lags, (OURS, "#4c78a8"), strict=False):
            _shares(waits, lags.burst, f"{lags.database}, 1,000 at once", colour, "-")
            _shares(waits, lags.steady, f"{lags.database}, 40 a second", colour, "--")
        _title(waits, "Entry in the outbox → entry in the ledger", "share of entries, %", "seconds")
        if found.lags:
            waits.legend(loc="lower right", frameon=False)


def _bars(axes: Axes, rates: Sequence[Rate]) -> None:
    for shift, colour, label in ((-0.2, OURS, "ledger"), (0.2, PLAIN, "the same without a chain")):
        heights = [one.per_s if shift < 0 else one.plain_per_s for one in rates]
        places = [place + shift for place in range(len(rates))]
        bars = axes.bar(places, heights, width=0.4, color=colour, label=label)
        axes.bar_label(bars, fmt="{:,.0f}", fontsize=7, padding=1)
    axes.set_xticks(range(len(rates)), [f"{one.database}\n{one.manner}" for one in rates], fontsize=7)
    if rates:
        axes.set_yscale("log")
        axes.legend(loc="upper left", frameon=False)


def _shares(axes: Axes, values: Sequence[float], label: str, colour: str, style: str) -> None:
    """The share of the values up to each value."""
    shares = [100 * (rank + 1) / len(values) for rank in range(len(values))]
    axes.step(sorted(values), shares, where="post", label=label, color=colour, linestyle=style)


def _title(axes: Axes, title: str, unit: str, below: str) -> None:
    axes.set_title(title, loc="left", fontsize=9)
    axes.set_ylabel(unit)
    axes.set_xlabel(below)
    axes.spines[["top", "right"]].set_visible(False)
