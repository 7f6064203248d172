"""Draws the run: throughput on both models, latency at half load, and what becomes of twice the peak."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hack.bench.predictor.figures import BERT_CLIENTS, HALF_LOAD, MODEL_CLIENTS, closed
from hack.bench.predictor.report import TITLES
from hack.bench.predictor.results import Row

COLOURS = {
    "kserve": "#4c78a8",
    "fastapi": "#b8b8b8",
    "litserve": "#eeb13c",
    "bentoml": "#72b7b2",
    "sluice": "#e45756",
}
ORDER = tuple(TITLES)
WIDTH = 0.8


def draw(rows: Sequence[Row], path: Path) -> None:
    """Write the picture as SVG: text as text, and the same bytes for the same rows."""
    with mpl.rc_context(
        {"svg.fonttype": "none", "svg.hashsalt": "sluice", "font.family": "sans-serif", "font.size": 9}
    ):
        figure = Figure(figsize=(9, 6.2), layout="constrained", facecolor="white")
        grid = figure.add_gridspec(2, 3)
        throughput = figure.add_subplot(grid[0, :2])
        bert = figure.add_subplot(grid[0, 2])
        tail, memory, cpu = (figure.add_subplot(grid[1, column]) for column in range(3))
        _groups(throughput, rows, {closed("minilm", n): f"{n} at once" for n in MODEL_CLIENTS})
        throughput.set_title("MiniLM-size model, requests/s", loc="left")
        _groups(bert, rows, {closed("bert", BERT_CLIENTS): f"{BERT_CLIENTS} at once"})
        bert.set_title("BERT-base-size model, requests/s", loc="left")
        _bars(tail, {row.server: row.p99_ms or 0.0 for row in rows if row.cell == HALF_LOAD}, "{:.0f}")
        tail.set_title("p99 at half of KServe's peak, ms", loc="left")
        eight = [row for row in rows if row.cell == closed("minilm", 8)]
        _bars(memory, {row.server: row.rss_mb for row in eight}, "{:,.0f}")
        memory.set_title("memory, MB", loc="left")
        _bars(cpu, {row.server: row.cpu_ms for row in eight}, "{:.1f}")
        cpu.set_title("CPU per request, 8 at once, ms", loc="left")
        figure.legend(*throughput.get_legend_handles_labels(), loc="outside lower center", ncols=5, frameon=False)
        for axes in (throughput, bert, tail, memory, cpu):
            axes.spines[["top", "right"]].set_visible(False)
            axes.margins(y=0.12)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None, "Title": "Predictors compared"})


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
