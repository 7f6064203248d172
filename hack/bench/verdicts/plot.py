"""Draws the run: good versions taken back, bad ones taken back, and what totals make of weights that move."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.layout_engine import ConstrainedLayoutEngine

from hack.bench.verdicts.figures import Found
from hack.bench.verdicts.product import ALPHA
from hack.bench.verdicts.rates import CONSTANT, PRODUCT, Rate
from hack.bench.verdicts.traffic import BASE
from hack.picture import drawn

COLOURS = (
    "#e45756",
    "#b8b8b8",
    "#4c78a8",
    "#72b7b2",
    "#54a24b",
    "#b279a2",
    "#eeb13c",
    "#9d755d",
)
"""The product's, and then those of the other methods in their order."""


def draw(found: Found, path: Path) -> None:
    """Write the picture as SVG: text as text, and the same bytes for the same results."""
    colours = dict(zip(_names(found.rates, "method"), COLOURS, strict=False))
    with drawn(path, "Verdicts compared", size=(10, 6.8), layout=ConstrainedLayoutEngine(h_pad=0.12)) as figure:
        grid = figure.add_gridspec(2, 2)
        good, bad, worlds = (figure.add_subplot(place) for place in (grid[0, 0], grid[0, 1], grid[1, :]))
        steady = [rate for rate in found.rates if rate.scenario == CONSTANT]
        _lines(good, [rate for rate in steady if rate.bad == BASE], colours)
        _lines(bad, [rate for rate in steady if rate.bad == 2 * BASE], colours)
        _bars(worlds, [rate for rate in found.rates if rate.scenario != CONSTANT], colours)
        _title(good, "As good as stable (1 % bad): taken back", "requests to the candidate")
        _title(bad, "Twice as bad (2 %): taken back", "requests to the candidate")
        _title(worlds, "As good as stable, in other worlds: taken back", "")
        for axes in (good, worlds):
            axes.axhline(100 * ALPHA, color="black", linewidth=0.8, linestyle="--")
        handles, labels = good.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)


def _lines(axes: Axes, rates: Sequence[Rate], colours: dict[str, str]) -> None:
    """The share taken back over the requests, a line for each method."""
    for method, colour in colours.items():
        of = [rate for rate in rates if rate.method == method]
        axes.plot(
            [rate.requests or 0 for rate in of],
            [100 * rate.taken_back for rate in of],
            label=method,
            color=colour,
            linewidth=2.5 if method == PRODUCT else 1.2,
            marker="o",
            markersize=3,
            zorder=3 if method == PRODUCT else 2,
        )
    axes.set_xscale("log")
    axes.set_xticks(sorted({rate.requests or 0 for rate in rates}), _thousands(rates))
    axes.minorticks_off()


def _thousands(rates: Sequence[Rate]) -> list[str]:
    return [f"{requests:,}" for requests in sorted({rate.requests or 0 for rate in rates})]


def _bars(axes: Axes, rates: Sequence[Rate], colours: dict[str, str]) -> None:
    """A group for each world, a bar for each method that was tried there."""
    scenarios, methods = _names(rates, "scenario"), _names(rates, "method")
    width = 0.8 / max(1, len(methods))
    for place, method in enumerate(methods):
        of = [rate for rate in rates if rate.method == method]
        bars = axes.bar(
            [scenarios.index(rate.scenario) + (place - (len(methods) - 1) / 2) * width for rate in of],
            [100 * rate.taken_back for rate in of],
            width=width,
            color=colours[method],
        )
        axes.bar_label(bars, fmt="{:.0f}", fontsize=7, padding=1)
    axes.set_xticks(range(len(scenarios)), [textwrap.fill(name, 20) for name in scenarios])


def _names(rates: Iterable[Rate], of: str) -> list[str]:
    return list(dict.fromkeys(str(getattr(rate, of)) for rate in rates))


def _title(axes: Axes, title: str, below: str) -> None:
    axes.set_title(title, loc="left", fontsize=9)
    axes.set_ylabel("%")
    axes.set_xlabel(below)
    axes.set_ylim(0, 105)
    axes.spines[["top", "right"]].set_visible(False)
