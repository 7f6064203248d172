"""`python -m hack.bench.ledger`: how fast the ledger is on SQLite and on PostgreSQL, and the command line."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import aiohttp
from rich.console import Console
from rich.table import Table

from hack.bench.command import OUTPUT, command
from hack.bench.ledger import commands, docs
from hack.bench.ledger.appends import GROUPS, MANY, ONE, Manner, Rate, rate
from hack.bench.ledger.figures import POSTGRESQL, SQLITE, Found, figures, shown
from hack.bench.ledger.lag import Lags, lags
from hack.bench.ledger.plot import draw
from hack.bench.ledger.verifying import rows_per_second
from hack.bench.machine import machine
from hack.cluster.errors import ClusterError
from hack.cluster.paths import default_paths
from hack.cluster.steps import write_whole
from hack.testbed.client import RefusedError
from hack.testbed.installation import built
from hack.testbed.postgresql import PLACE, serving
from sluice_operator.ledger.errors import LedgerError

_LIBRARIES = ("psycopg", "sqlalchemy", "rfc8785")
_ROWS = 50_000

T = TypeVar("T")


@dataclasses.dataclass(frozen=True, slots=True)
class _Run:
    """One invocation."""

    console: Console
    found: Found
    directory: Path
    quick: bool

    def part(self, title: str, measure: Callable[[], T]) -> T | None:
        """What a part measures; None, and why, where it cannot."""
        self.console.print(f"[bold]{title}")
        try:
            return measure()
        except (ClusterError, LedgerError, RefusedError, aiohttp.ClientError, TimeoutError) as error:
            self.found.failures.append(f"{title}: {error}")
            self.console.print(f"[red]{error}")
            return None

    def database(self, database: str, fresh: Callable[[], str]) -> None:
        """All that is measured of a database, each part in a new one."""
        seconds, rounds, rows = (0.3, 1, 2000) if self.quick else (5.0, 3, _ROWS)

        def appended(manner: Manner) -> Rate:
            return rate(database, fresh(), manner, seconds=seconds, rounds=rounds)

        def verified() -> float:
            return rows_per_second(fresh(), rows=rows, rounds=rounds)

        def waited() -> Lags:
            return lags(database, fresh(), seconds=2 if self.quick else 60)

        for manner in (ONE, GROUPS, *([MANY] if database == POSTGRESQL else [])):
            if one := self.part(f"{database}, {manner.name}", partial(appended, manner)):
                self.found.rates.append(one)
        if per_second := self.part(f"{database}, {rows:,} rows verified", verified):
            self.found.verified[database] = per_second
        if waits := self.part(f"{database}, 1,000 rollouts", waited):
            self.found.lags.append(waits)


def main() -> int:
    """Run the benchmark; returns the exit status."""
    return command("ledger", doc=__doc__, measure=_measure, write_docs=docs.write)


def _measure(console: Console, name: str) -> int:
    paths, found = default_paths(), Found()
    with tempfile.TemporaryDirectory(dir=PLACE, prefix="sluice-bench-") as directory:
        run = _Run(console, found, Path(directory), name.endswith("-quick"))
        run.database(SQLITE, _files(run))
        run.part("a PostgreSQL server", lambda: _with_server(run))
        found.help_s = run.part("kubectl sluice --help", commands.help_seconds)
        found.get_s = run.part("kubectl sluice get", lambda: asyncio.run(commands.get_seconds(paths, built(paths))))
    _keep(console, found, path=OUTPUT / f"{name}.json")
    return 1 if found.failures else 0


def _files(run: _Run) -> Callable[[], str]:
    """Names a new file at each call."""
    numbers = iter(range(1000))
    return lambda: f"sqlite:///{run.directory / f'ledger-{next(numbers)}.db'}"


def _with_server(run: _Run) -> None:
    with serving(default_paths()) as server:
        run.database(POSTGRESQL, server.database)


def _keep(console: Console, found: Found, *, path: Path) -> None:
    """Write down and show what was found."""
    summary = {
        "figures": figures(found),
        "environment": machine(_LIBRARIES),
        "rows": [dataclasses.asdict(one) for one in found.rates],
        "verified": found.verified,
        "lags": [
            {"database": one.database, "burst": _rounded(one.burst), "steady": _rounded(one.steady)}
            for one in found.lags
        ],
        "failures": found.failures,
    }
    write_whole(path, json.dumps(summary, indent=2) + "\n")
    draw(found, path.with_suffix(".svg"))
    table = Table("figure", "value", "must be", "is it")
    for name, value in figures(found).items():
        table.add_row(name, *shown(name, value))
    console.print(table)
    console.print(f"\nfigures: {path}   picture: {path.with_suffix('.svg')}")


def _rounded(values: tuple[float, ...]) -> list[float]:
    """From the smallest to the largest."""
    return [round(value, 4) for value in sorted(values)]


if __name__ == "__main__":
    sys.exit(main())
