"""`python -m hack.demo`: prepare, tell the story, report; exit status 0 only when it went as it must."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from examples.sms import messages
from hack.cluster.paths import default_paths
from hack.demo import measure, prepare, scene, terminal
from hack.demo.kube import CONTEXT, Cluster, KubectlError, as_typed
from hack.demo.observe import Observer
from hack.demo.plot import draw
from hack.demo.prometheus import Prometheus, PrometheusError
from hack.demo.record import Mark, Recording
from hack.demo.report import Row, figures, otherwise, outside, rows
from hack.demo.story import Narrator, Stage, StoryError, tell
from hack.demo.traffic import Target, Traffic

PATHS = default_paths()
OUTPUT = Path("build/demo")
TRAINED = PATHS.models / "sms" / "summary.json"
TARGET = Target(
    url=f"http://127.0.0.1:18080/v1/models/{scene.MODEL}:predict",
    host=f"{scene.MODEL}.{scene.NAMESPACE}.sluice.local",
)
PROMETHEUS = Prometheus("http://127.0.0.1:19090", scene.NAMESPACE, scene.MODEL)
ROLLBACK_WITHIN_S = 15.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m hack.demo", description=__doc__)
    parser.add_argument("--picture", type=Path, help="also copy the picture of the run to this file")
    arguments = parser.parse_args()
    console = Console(highlight=False)
    began = time.monotonic()
    try:
        prepare.prepare(prepare.steps(PATHS), console.print)
        return asyncio.run(_demo(console, began=began, picture=arguments.picture))
    except KeyboardInterrupt:
        console.print(f"\nstopped after {time.monotonic() - began:.0f} s; the cluster is left up")
        return 130
    except (prepare.PrepareError, KubectlError, PrometheusError, OSError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1


async def _demo(console: Console, *, began: float, picture: Path | None) -> int:
    cluster = Cluster(PATHS.kubeconfig, scene.NAMESPACE)
    if removed := await prepare.clean(cluster, scene.MODEL):
        console.print(f"removed {removed} versions that an earlier demo left")
    build_s = time.monotonic() - began
    recording, failure = await _tell(console, cluster)
    table = rows(recording, scene.CHAPTERS)
    wrong = [failure] if failure else otherwise(table, outside(recording, scene.CHAPTERS), within=ROLLBACK_WITHIN_S)
    _write(recording, table, build_s=build_s, picture=picture)
    terminal.show_table(console, table)
    _epilogue(console, recording)
    for line in wrong:
        print(f"demo: {line}", file=sys.stderr)
    return 1 if wrong else 0


async def _tell(console: Console, cluster: Cluster) -> tuple[Recording, str]:
    """Tell the story on the cluster; what was seen, and in one line how it went otherwise, if it did."""
    settings = scene.rollout()
    marks: list[Mark] = []
    traffic = Traffic(TARGET, (message.text for message in messages.stream(seed=1)))
    failure = ""

    def announce(mark: Mark) -> None:
        marks.append(mark)
        screen.show(mark)

    observer = Observer(model=scene.MODEL, on_change=Narrator(announce))
    screen = terminal.Screen(console, observer=observer, traffic=traffic, chapters=scene.CHAPTERS)
    stage = Stage(
        apply=cluster.apply,
        manifest=lambda version: scene.manifest(version, settings),
        observer=observer,
        traffic=traffic,
        announce=announce,
        kubectl=kubectl_as_typed(),
    )
    started = time.time()
    async with observer.watching(cluster):
        with screen:
            async with traffic:
                try:
                    await tell(stage, scene.CHAPTERS)
                except StoryError as error:
                    failure = str(error)
    recording = Recording(
        started=started,
        ended=time.time(),
        answers=traffic.answers,
        held_back=traffic.held_back,
        routes=observer.routes,
        states=observer.states,
        marks=marks,
        services=observer.services,
        breaches=await measure.breaches(PROMETHEUS, chapters=scene.CHAPTERS, gates=scene.gates(settings), marks=marks),
    )
    return recording, failure


def _write(recording: Recording, table: Sequence[Row], *, build_s: float, picture: Path | None) -> None:
    summary = {
        "figures": figures(
            table=table,
            chapters=scene.CHAPTERS,
            errors=len(outside(recording, scene.CHAPTERS)),
            build_s=build_s,
            story_s=recording.ended - recording.started,
            accuracy=measure.accuracies(TRAINED),
        ),
        "environment": measure.environment(),
        "rows": [dataclasses.asdict(row) for row in table],
    }
    OUTPUT.mkdir(parents=True, exist_ok=True)
    (OUTPUT / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
    draw(recording, scene.CHAPTERS, OUTPUT / "rollout.svg")
    if picture is not None:
        shutil.copyfile(OUTPUT / "rollout.svg", picture)


def kubectl_as_typed() -> str:
    return f"{as_typed('kubectl')} --context {CONTEXT}"


def _epilogue(console: Console, recording: Recording) -> None:
    kubectl = kubectl_as_typed()
    failed = sum(not one.ok for one in recording.answers)
    console.print(
        f"\n{len(recording.answers)} requests in {recording.ended - recording.started:.0f} s, {failed} errors, "
        f"{len(outside(recording, scene.CHAPTERS))} of them not by the version that was taken back for them"
    )
    console.print(f"picture: {OUTPUT / 'rollout.svg'}   figures: {OUTPUT / 'summary.json'}")
    console.print("\nThe cluster is up. Next, try:")
    for command in (
        "get mv",
        f"describe mv {scene.MODEL}-1-1-0",
        "explain modelversion.spec",
    ):
        console.print(f"  {kubectl} {command}", soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
