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
from pathlib import Path
from typing import NoReturn

from rich.console import Console

from hack.bench.predictor import docs
from hack.bench.predictor.elsewhere import image_mb, soak_growth_mb
from hack.bench.predictor.environment import environment
from hack.bench.predictor.figures import Found, figures
from hack.bench.predictor.plot import draw
from hack.bench.predictor.prepare import Prepared, prepare
from hack.bench.predictor.report import show
from hack.bench.predictor.running import BenchError
from hack.bench.predictor.story import FULL, QUICK, Story
from hack.cluster.errors import BusyError
from hack.cluster.paths import default_paths
from hack.cluster.steps import only_one, write_whole

PATHS = default_paths()
OUTPUT = Path("build/bench")
NAME = "predictor"
LOG_WIDTH = 120


def main() -> int:
    """Run the benchmark; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m hack.bench.predictor", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="for working on the benchmark itself: every step, too short for its numbers to mean anything",
    )
    parser.add_argument("--write-docs", action="store_true", help="measure nothing: put the last run into docs/")
    arguments = parser.parse_args()
    if arguments.write_docs:
        return docs.write(OUTPUT / f"{NAME}.json")
    console = Console(highlight=False, width=None if sys.stdout.isatty() else LOG_WIDTH)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with only_one(PATHS.cache / "bench.lock"):
            return _measure(console, quick=arguments.quick)
    except BusyError:
        print("bench: another run is at work on this machine; wait for it", file=sys.stderr)
        return 4
    except KeyboardInterrupt:
        print("\nstopped: no server runs any more, what was built stays", file=sys.stderr)
        return 130
    except (BenchError, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1


def _measure(console: Console, *, quick: bool) -> int:
    # Read at once: a file that cannot be read must not end a run that has measured everything.
    elsewhere = Found(soak_growth_mb=soak_growth_mb(PATHS), image_mb=image_mb(PATHS))
    prepared = prepare(PATHS, console)
    name = f"{NAME}-quick" if quick else NAME
    story = Story(prepared, pace=QUICK if quick else FULL, output=OUTPUT / name, announce=console.print)
    try:
        story.play()
    except (BenchError, KeyboardInterrupt):
        _keep(console, story, prepared, elsewhere, path=OUTPUT / f"{name}-partial.json")
        raise
    _keep(console, story, prepared, elsewhere, path=OUTPUT / f"{name}.json")
    return 0


def _keep(console: Console, story: Story, prepared: Prepared, elsewhere: Found, *, path: Path) -> None:
    """Write down and show what was found."""
    found = dataclasses.replace(story.found(), soak_growth_mb=elsewhere.soak_growth_mb, image_mb=elsewhere.image_mb)
    summary = {
        "figures": figures(found),
        "environment": environment(prepared.peers),
        "rows": [dataclasses.asdict(row) for row in found.rows],
        "agreements": [dataclasses.asdict(one) for one in found.agreements],
        "starts": dict(found.starts),
        "precisions": dict(found.precisions),
    }
    write_whole(path, json.dumps(summary, indent=2) + "\n")
    draw(found, path.with_suffix(".svg"))
    show(console, found)
    console.print(f"\nfigures: {path}   picture: {path.with_suffix('.svg')}")


def _interrupt(_signal: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
