"""What a person reads: the table and the figures, each beside what it must be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from hack.bench.figures import Bound
from hack.bench.predictor.catalogue import ALL
from hack.bench.predictor.cells import FOREIGN_LIMIT
from hack.bench.predictor.figures import KSERVE, OURS, Figures, Found, figures
from hack.bench.predictor.results import Row

TITLES = {kind.key: kind.title for kind in ALL}
COLUMNS = ("req/s", "vs KServe", "p50 ms", "p99 ms", "CPU ms", "MB", "errors", "refused")


BOUNDS: Mapping[str, Bound] = {
    "throughput_ratio_kserve_c1": Bound(least=4),
    "throughput_ratio_kserve_c8": Bound(least=6),
    "throughput_ratio_kserve_c32": Bound(least=7),
    "throughput_ratio_kserve_bert_c8": Bound(least=4),
    "throughput_ratio_best_other_c8": Bound(least=1),
    "throughput_ratio_best_other_least": Bound(least=1),
    "p99_ratio_half_load": Bound(most=0.5),
    "goodput_at_2x_ratio": Bound(least=0.9),
    "offered_at_2x_ratio": Bound(least=1.9),
    "overload_errors": Bound(most=0),
    "label_agreement": Bound(least=0.995),
    "max_probability_difference": Bound(most=0.02),
    "http_path_ratio": Bound(least=4),
    "sms_p95_100_parallel_ms": Bound(most=100),
    "sms_errors_1000_connections": Bound(most=0),
    "soak_growth_mb": Bound(most=20),
}


def cells_of(row: Row, rows: Sequence[Row]) -> list[str]:
    """Return a row's texts, in the order of `COLUMNS`."""
    kserve = next((one for one in rows if (one.cell, one.server) == (row.cell, KSERVE)), None)
    ratio = row.ok_per_s / kserve.ok_per_s if kserve and kserve.ok_per_s else None
    return [
        f"{row.ok_per_s:,.1f}",
        "" if ratio is None else f"{ratio:.2f}",
        *("" if value is None else f"{value:.1f}" for value in (row.p50_ms, row.p99_ms)),
        f"{row.cpu_ms:.2f}",
        f"{row.rss_mb:,.0f}",
        str(row.errors or ""),
        str(row.refused or ""),
    ]


def show(console: Console, found: Found) -> None:
    """Print everything."""
    console.print(_table(found.rows))
    for key, seconds in found.starts.items():
        console.print(f"{TITLES[key]}: {seconds:.1f} s from its start to its first answer")
    for line in (*agreements(found), *precisions(found)):
        console.print(line)
    console.print(_figures(figures(found)))
    if line := disturbance(found.rows):
        console.print(line)


def agreements(found: Found) -> list[str]:
    """Return a sentence for each server that was compared with transformers in fp32."""
    return [
        f"{TITLES[one.server]}: same label on {one.labels:.2%} of {one.texts:,} texts, "
        f"largest difference of a probability {one.difference:.4f}"
        for one in found.agreements
    ]


def precisions(found: Found) -> list[str]:
    """Return a sentence about what our server chose to compute with, if it is known."""
    chosen = ", ".join(f"{precision} for {model}" for model, precision in found.precisions.items())
    return [f"{TITLES[OURS]} chose {chosen}"] if chosen else []


def disturbance(rows: Sequence[Row]) -> str:
    """Return a sentence about the rows that others on the machine disturbed; empty if there are none."""
    disturbed = [row.foreign for row in rows if row.foreign > FOREIGN_LIMIT]
    if not disturbed:
        return ""
    return (
        f"{len(disturbed)} of {len(rows)} rows were disturbed: others used up to {max(disturbed):.2f} cores meanwhile. "
        "Run it again on a quiet machine."
    )


def _table(rows: Sequence[Row]) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0))
    table.add_column("cell", no_wrap=True)
    table.add_column("server", no_wrap=True)
    for name in COLUMNS:
        table.add_column(name, justify="right", no_wrap=True)
    cell = ""
    for row in rows:
        table.add_row("" if row.cell == cell else row.cell, TITLES[row.server], *cells_of(row, rows))
        cell = row.cell
    return table


def _figures(values: Figures) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0))
    table.add_column("figure", no_wrap=True)
    table.add_column("value", justify="right")
    table.add_column("must be")
    for name, value in values.items():
        bound = BOUNDS.get(name)
        style = "" if bound is None else "green" if bound.holds(value) else "red"
        shown = Text("not measured" if value is None else f"{value:g}", style=style)
        table.add_row(name, shown, "" if bound is None else str(bound))
    return table
