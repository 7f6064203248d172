"""`python -m hack.bench.operator`: how fast the operator takes a bad version back, and what it takes to run."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
from rich.console import Console
from rich.table import Table

from hack.bench.command import OUTPUT, command
from hack.bench.errors import BenchError
from hack.bench.machine import machine
from hack.bench.operator import docs, parts
from hack.bench.operator.figures import Found, figures, shown
from hack.bench.operator.plot import draw
from hack.cluster.gobuild import KUBERNETES
from hack.cluster.paths import default_paths
from hack.cluster.steps import write_whole
from hack.testbed.client import RefusedError
from hack.testbed.installation import built

_LIBRARIES = ("aiohttp", "kubernetes", "pydantic")

T = TypeVar("T")


def main() -> int:
    """Run the benchmark; returns the exit status."""
    return command("operator", doc=__doc__, measure=_measure, write_docs=docs.write)


def _measure(console: Console, name: str) -> int:
    paths, sizes = default_paths(), parts.QUICK if name.endswith("-quick") else parts.Sizes()
    stage = parts.Stage(paths=paths, program=built(paths), sizes=sizes, announce=console.print)
    found = Found()

    def measure(title: str, work: Coroutine[Any, Any, T]) -> T | None:
        console.print(f"[bold]{title}")
        try:
            return asyncio.run(work)
        except (BenchError, RefusedError, aiohttp.ClientError, TimeoutError) as error:
            found.failures.append(f"{title}: {error}")
            console.print(f"[red]{error}")
            return None

    try:
        found.few = measure("rollbacks, a few rollouts at a time", parts.rollbacks(stage)) or ()
        found.reconcile_p99_s = measure(f"{sizes.concurrent} rollouts at once", parts.reconcile_p99(stage))
        found.failover_s = measure("the leader is killed", parts.failover(stage))
        found.many = measure(f"{sizes.many} rollouts at once", parts.many_rollouts(stage, found.loaded)) or ()
        found.idle = measure(f"{sizes.idle} idle versions", parts.idle(stage))
    except KeyboardInterrupt:
        _keep(console, found, path=OUTPUT / f"{name}-partial.json")
        raise
    _keep(console, found, path=OUTPUT / f"{name}.json")
    return 1 if found.failures else 0


def _keep(console: Console, found: Found, *, path: Path) -> None:
    """Write down and show what was found."""
    measured_on = machine(_LIBRARIES)
    summary = {
        "figures": figures(found),
        "environment": {
            **measured_on,
            "versions": {"kube-apiserver": KUBERNETES.removeprefix("v"), **measured_on["versions"]},
        },
        "rows": [dataclasses.asdict(one) for one in (*found.few, *found.many)],
        "loads": {
            name: dataclasses.asdict(load)
            for name, load in (("rollouts", found.many_load), ("idle", found.idle))
            if load is not None
        },
        "failures": found.failures,
    }
    write_whole(path, json.dumps(summary, indent=2) + "\n")
    draw(found, figures(found), path.with_suffix(".svg"))
    table = Table("figure", "value", "must be", "is it")
    for name, value in figures(found).items():
        table.add_row(name, *shown(name, value))
    console.print(table)
    console.print(f"\nfigures: {path}   picture: {path.with_suffix('.svg')}")


if __name__ == "__main__":
    sys.exit(main())
