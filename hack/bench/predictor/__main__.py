"""`python -m hack.bench.predictor`: our predictor beside other servers, on this machine, in one run."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

from rich.console import Console

from hack.bench.command import OUTPUT, command
from hack.bench.errors import BenchError
from hack.bench.predictor import docs
from hack.bench.predictor.elsewhere import image_mb, soak_growth_mb
from hack.bench.predictor.environment import environment
from hack.bench.predictor.figures import Found, figures
from hack.bench.predictor.plot import draw
from hack.bench.predictor.prepare import Prepared, prepare
from hack.bench.predictor.report import show
from hack.bench.predictor.story import FULL, QUICK, Story
from hack.cluster.paths import default_paths
from hack.cluster.steps import write_whole


def main() -> int:
    """Run the benchmark; returns the exit status."""
    return command("predictor", doc=__doc__, measure=_measure, write_docs=docs.write)


def _measure(console: Console, name: str) -> int:
    paths = default_paths()
    # Read at once: a file that cannot be read must not end a run that has measured everything.
    elsewhere = Found(soak_growth_mb=soak_growth_mb(paths), image_mb=image_mb(paths))
    prepared = prepare(paths, console)
    pace = QUICK if name.endswith("-quick") else FULL
    story = Story(prepared, pace=pace, output=OUTPUT / name, announce=console.print)
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


if __name__ == "__main__":
    sys.exit(main())
