"""Draws the run: throughput on both models, and what it costs: latency at half load, CPU, memory and start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.layout_engine import ConstrainedLayoutEngine

from hack.bench.predictor.figures import BERT_CLIENTS, HALF_LOAD, MODEL_CLIENTS, Found, closed
from hack.bench.predictor.report import TITLES
from hack.bench.predictor.results import Row
from hack.picture import drawn

COLOURS = {
    "kserve": "#4c78a8",
    "fastapi": "#b8b8b8",
    "litserve": "#eeb13c",
    "bentoml": "#72b7b2",
    "sluice": "#e45756",
}
ORDER = tuple(TITLES)
WIDTH = 0.8


def draw(found: Found, path: Path) -> None:
    """Write the picture as SVG: text as text, and the same bytes for the same results."""
    with drawn(path, "Predictors compared", size=(10, 6.4), layout=ConstrainedLayoutEngine(h_pad=0.12)) as figure:
        grid = figure.add_gridspec(2, 4)
        throughput, bert = figure.add_subplot(grid[0, :3]), figure.add_subplot(grid[0, 3])
        _groups(throughput, found.rows, {closed("minilm", clients): f"{clients} at once" for clients in MODEL_CLIENTS})
        _groups(bert, found.rows, {closed("bert", BERT_CLIENTS): f"{BERT_CLIENTS} at once"})
        _title(throughput, "Throughput, MiniLM-size model", "requests/s")
        _title(bert, "Throughput, BERT-base size", "requests/s")
        for column, (title, unit, form, values) in enumerate(_costs(found)):
            axes = figure.add_subplot(grid[1, column])
            _bars(axes, values, form)
            _title(axes, title, unit)
        handles, labels = throughput.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(ORDER), frameon=False)


def _costs(found: Found) -> tuple[tuple[str, str, str, Mapping[str, float]], ...]:
    """Title, unit, form of a number and the value of each server, for each of the small panels."""
    eight = [row for row in found.rows if row.cell == closed("minilm", 8)]
    tail = {row.server: row.p99_ms for row in found.rows if row.cell == HALF_LOAD and row.p99_ms is not None}
    return (
        ("p99 at half of KServe's peak", "ms", "{:,.0f}", tail),
        ("CPU per request, 8 at once", "ms", "{:.1f}", {row.server: row.cpu_ms for row in eight}),
        ("Memory, 8 at once", "MB", "{:,.0f}", {row.server: row.rss_mb for row in eight}),
        ("Start to first answer", "s", "{:.1f}", found.starts),
    )


def _title(axes: Axes, title: str, unit: str) -> None:
    axes.set_title(title, loc="left", fontsize=9)
    axes.set_ylabel(unit)
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(y=0.12)


def _groups(axes: Axes, rows: Sequence[Row], cells: Mapping[str, str]) -> None:
    """A group of bars for each cell, a bar for each server."""
    width = WIDTH / len(ORDER)
    for place, server in enumerate(ORDER):
        rates = {row.cell: row.ok_per_s for row in rows if row.server == server}
        bars = axes.bar(
            [group + (place - (len(ORDER) - 1) / 2) * width for group in range(len(cells))],
            [rates.get(cell, 0.0) for cell in cells],
            width=width,
            color=COLOURS[server],
            label=TITLES[server],
        )
        axes.bar_label(bars, fmt="{:,.0f}", fontsize=7, padding=1)
    axes.set_xticks(range(len(cells)), list(cells.values()))


def _bars(axes: Axes, values: Mapping[str, float], form: str) -> None:
    """A bar for each server that has a value, the servers' names left to the legend."""
    servers = [server for server in ORDER if server in values]
    bars = axes.bar(
        range(len(servers)),
        [values[server] for server in servers],
        width=WIDTH,
        color=[COLOURS[server] for server in servers],
    )
    axes.bar_label(bars, fmt=form, fontsize=7, padding=1)
    axes.set_xticks([])
    axes.set_xlim(-0.6, len(ORDER) - 0.4)
