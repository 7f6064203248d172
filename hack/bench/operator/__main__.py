"""`python -m hack.bench.operator`: how fast the operator takes a bad version back, and what it takes to run.

Exit status: 0 measured, whatever the figures; 1 something could not be measured; 4 another run is at work;
130 interrupted.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import importlib.metadata
import json
import os
import platform
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import aiohttp
from rich.console import Console
from rich.table import Table

from hack.bench.operator import docs, parts
from hack.bench.operator.figures import Found, figures, shown
from hack.bench.operator.plot import draw
from hack.bench.operator.stand import BenchError
from hack.cluster.errors import ClusterError
from hack.cluster.gobuild import KUBERNETES
from hack.cluster.paths import default_paths
from hack.cluster.steps import only_one, write_whole
from hack.testbed.client import RefusedError
from hack.testbed.installation import built

PATHS = default_paths()
OUTPUT = Path("build/bench")
NAME = "operator"
_LIBRARIES = ("aiohttp", "kubernetes", "pydantic")

T = TypeVar("T")


def main() -> int:
    """Run the benchmark; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m hack.bench.operator", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="for working on the benchmark itself: every step, too small for its numbers to mean anything",
    )
    parser.add_argument("--write-docs", action="store_true", help="measure nothing: put the last run into docs/")
    arguments = parser.parse_args()
    if arguments.write_docs:
        return docs.write(OUTPUT / f"{NAME}.json")
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with only_one(PATHS.cache / "bench.lock"):
            return _measure(Console(highlight=False), quick=arguments.quick)
    except ClusterError as error:
        print(f"bench: {error}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        print("\nstopped: nothing of it runs any more", file=sys.stderr)
        return 130


def _measure(console: Console, *, quick: bool) -> int:
    OUTPUT.mkdir(parents=True, exist_ok=True)
    sizes = parts.QUICK if quick else parts.Sizes()
    stage = parts.Stage(paths=PATHS, program=built(PATHS), sizes=sizes, announce=console.print)
    found = Found()

    def measure(title: str, work: Coroutine[Any, Any, T]) -> T | None:
        console.print(f"[bold]{title}")
        try:
            return asyncio.run(work)
        except (BenchError, RefusedError, aiohttp.ClientError, TimeoutError) as error:
            found.failures.append(f"{title}: {error}")
            console.print(f"[red]{error}")
            return None

    name = f"{NAME}-quick" if quick else NAME
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
    summary = {
        "figures": figures(found),
        "environment": _environment(),
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


def _environment() -> dict[str, object]:
    """What the figures were measured on: no names of hosts, no paths."""
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "processor": models[0].partition(":")[2].strip() if models else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {
            "kube-apiserver": KUBERNETES.removeprefix("v"),
            **{name: importlib.metadata.version(name) for name in _LIBRARIES},
        },
    }


def _interrupt(_signal: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
