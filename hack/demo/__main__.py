"""`python -m hack.demo`: prepare, tell the story, report.

Exit status: 0 it went as it must, 1 it went otherwise, 4 another demo is at work, 130 interrupted.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from hack.cluster.errors import BusyError
from hack.cluster.paths import default_paths
from hack.cluster.steps import only_one
from hack.demo import measure, prepare, scene, terminal
from hack.demo.kube import CONTEXT, Cluster, KubectlError, as_typed
from hack.demo.performance import Performance
from hack.demo.plot import draw
from hack.demo.record import Mark, Recording
from hack.demo.report import Row, figures, otherwise, outside, rows

PATHS = default_paths()
TRAINED = PATHS.models / "sms" / "summary.json"
OUTPUT = Path("build/demo")
ROLLBACK_WITHIN_S = 15.0
LOG_WIDTH = 180
"""Columns of the table where nobody watches: a log has no width, and sentences should stay on one line."""


def main() -> int:
    """Run the demo; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m hack.demo", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--picture", type=Path, help="also copy the picture of the run to this file")
    arguments = parser.parse_args()
    console = Console(highlight=False, width=None if sys.stdout.isatty() else LOG_WIDTH)
    began = time.monotonic()
    try:
        with only_one(PATHS.cache / "demo.lock"):
            prepare.prepare(prepare.steps(PATHS), console.print)
            return asyncio.run(_demo(console, began=began, picture=arguments.picture))
    except BusyError:
        print("demo: another demo plays on this cluster; wait for it, or stop it with Ctrl-C there", file=sys.stderr)
        return 4
    except KeyboardInterrupt:
        console.print(f"\nstopped after {time.monotonic() - began:.0f} s; what is built and what runs stays")
        return 130
    except (prepare.PrepareError, KubectlError, OSError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1


async def _demo(console: Console, *, began: float, picture: Path | None) -> int:
    cluster = Cluster(PATHS.kubeconfig, scene.NAMESPACE)
    if removed := await prepare.clean(cluster, scene.MODEL):
        console.print(f"removed {removed} versions that an earlier demo left")
    build_s = time.monotonic() - began
    recording, failure = await _perform(console, cluster)
    table = rows(recording, scene.CHAPTERS)
    wrong = [failure] if failure else otherwise(table, outside(recording, scene.CHAPTERS), within=ROLLBACK_WITHIN_S)
    environment = measure.environment(kubernetes=await cluster.version())
    _write(recording, table, build_s=build_s, environment=environment)
    if picture is not None:
        shutil.copyfile(OUTPUT / "rollout.svg", picture)
    terminal.show_table(console, table)
    _epilogue(console, recording)
    for line in wrong:
        print(f"demo: {line}", file=sys.stderr)
    return 1 if wrong else 0


async def _perform(console: Console, cluster: Cluster) -> tuple[Recording, str]:
    """Play the story on the screen; what was seen, and in one line how it went otherwise, if it did."""

    def show(mark: Mark) -> None:
        screen.show(mark)

    performance = Performance(cluster, on_mark=show, kubectl=_kubectl())
    screen = terminal.Screen(
        console, observer=performance.observer, traffic=performance.traffic, chapters=performance.chapters
    )
    with screen:
        try:
            return await performance.play(), performance.failure
        except asyncio.CancelledError:
            where = (
                f"{performance.marks[-1].version} {performance.marks[-1].text}" if performance.marks else "the start"
            )
            console.print(f"stopped at: {where}")
            raise


def _write(
    recording: Recording, table: Sequence[Row], *, build_s: float, environment: Mapping[str, str | int | float]
) -> None:
    summary = {
        "figures": figures(
            table=table,
            chapters=scene.CHAPTERS,
            errors=len(outside(recording, scene.CHAPTERS)),
            build_s=build_s,
            story_s=recording.ended - recording.started,
            accuracy=measure.accuracies(TRAINED),
        ),
        "environment": environment,
        "rows": [dataclasses.asdict(row) for row in table],
    }
    OUTPUT.mkdir(parents=True, exist_ok=True)
    (OUTPUT / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
    draw(recording, scene.CHAPTERS, OUTPUT / "rollout.svg")


def _epilogue(console: Console, recording: Recording) -> None:
    failed = sum(not one.ok for one in recording.answers)
    console.print(
        f"\n{len(recording.answers)} requests in {recording.ended - recording.started:.0f} s: {failed} errors, "
        f"{len(outside(recording, scene.CHAPTERS))} that clients should not have seen"
    )
    if recording.held_back:
        console.print(f"{recording.held_back} requests were not sent: too many others waited for their answers")
    console.print(f"picture: {OUTPUT / 'rollout.svg'}   figures: {OUTPUT / 'summary.json'}")
    console.print("\nThe cluster is up. Next, try:")
    for command in ("get mv", f"describe mv {scene.MODEL}-1-1-0", "explain modelversion.spec"):
        console.print(f"  {_kubectl()} {command}", soft_wrap=True)


def _kubectl() -> str:
    """How the reader calls kubectl on this cluster."""
    return f"{as_typed('kubectl')} --context {CONTEXT}"


if __name__ == "__main__":
    sys.exit(main())
