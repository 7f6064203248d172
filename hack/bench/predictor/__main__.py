"""`python -m hack.bench.predictor`: our predictor beside other servers, on this machine, in one run.

Exit status: 0 measured, whatever the figures; 1 something could not be measured; 4 another run is at work;
130 interrupted.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import signal
import sys
import time
from pathlib import Path
from typing import NoReturn

from rich.console import Console

from hack.bench.predictor import docs
from hack.bench.predictor.elsewhere import IMAGE, SOAK, figure
from hack.bench.predictor.environment import environment
from hack.bench.predictor.figures import Found, figures
from hack.bench.predictor.plot import draw
from hack.bench.predictor.prepare import Prepared, prepare
from hack.bench.predictor.report import show
from hack.bench.predictor.running import BenchError
from hack.bench.predictor.story import FULL, QUICK, Pace, Story
from hack.cluster.errors import BusyError
from hack.cluster.paths import default_paths
from hack.cluster.steps import only_one

PATHS = default_paths()
OUTPUT = Path("build/bench")
NAME = "predictor"
LOG_WIDTH = 120


def main() -> int:
    """Run the benchmark; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m hack.bench.predictor", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="seconds instead of minutes; the numbers mean little")
    parser.add_argument("--write-docs", action="store_true", help="measure nothing: put the last run into docs/")
    arguments = parser.parse_args()
    if arguments.write_docs:
        return docs.write(OUTPUT / f"{NAME}.json")
    console = Console(highlight=False, width=None if sys.stdout.isatty() else LOG_WIDTH)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with only_one(PATHS.cache / "bench.lock"):
            return _measure(console, QUICK if arguments.quick else FULL)
    except BusyError:
        print("bench: another run is at work on this machine; wait for it", file=sys.stderr)
        return 4
    except KeyboardInterrupt:
        console.print("\nstopped; all servers are ended, what was built stays")
        return 130
    except (BenchError, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1


def _measure(console: Console, pace: Pace) -> int:
    prepared = prepare(PATHS, console)
    began = time.monotonic()

    def announce(line: str) -> None:
        console.print(f"{time.monotonic() - began:6.0f} s  {line}")

    story = Story(prepared, pace=pace, output=OUTPUT / NAME, announce=announce)
    failure = None
    try:
        story.play()
    except BenchError as error:
        failure = error
    found = dataclasses.replace(
        story.found(), soak_growth_mb=figure(SOAK, "soak_growth_mb"), image_mb=figure(IMAGE, "image_mb")
    )
    _write(found, prepared)
    show(console, rows=found.rows, agreements=found.agreements, figures=figures(found))
    console.print(f"\nfigures: {OUTPUT / NAME}.json   picture: {OUTPUT / NAME}.svg")
    if failure is not None:
        raise failure
    return 0


def _write(found: Found, prepared: Prepared) -> None:
    summary = {
        "figures": figures(found),
        "environment": environment(prepared.peers),
        "rows": [dataclasses.asdict(row) for row in found.rows],
        "agreements": [dataclasses.asdict(one) for one in found.agreements],
    }
    OUTPUT.mkdir(parents=True, exist_ok=True)
    (OUTPUT / f"{NAME}.json").write_text(json.dumps(summary, indent=2) + "\n")
    draw(found.rows, OUTPUT / f"{NAME}.svg")


def _interrupt(_signal: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
