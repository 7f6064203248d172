"""`python -m hack.soak.verdicts`: roll out versions that fail at known rates, and count what becomes of them.

Exit status: 0 it went as it must, 1 it went otherwise, 4 another one is at work, 130 interrupted.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import sys
import time
from collections.abc import Sequence

from hack.cluster.errors import BusyError
from hack.cluster.paths import default_paths
from hack.cluster.steps import only_one, write_whole
from hack.demo import measure, prepare
from hack.demo.kube import Cluster, KubectlError
from hack.demo.record import Mark
from hack.soak.verdicts import page
from hack.soak.verdicts.lane import Lane, LaneError
from hack.soak.verdicts.record import Seen, figures, otherwise
from hack.soak.verdicts.scene import LANES, PROGRAM, QUIET_RATE, RATE, Kind

PATHS = default_paths()
NAMESPACE = "default"


def main() -> int:
    """Run it, or write its page; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m hack.soak.verdicts", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write-docs", action="store_true", help=f"put the last run into {page.PAGE}")
    if parser.parse_args().write_docs:
        page.write()
        return 0
    began = time.monotonic()
    try:
        with only_one(PATHS.cache / "demo.lock"):
            prepare.prepare(prepare.steps(PATHS), print)
            return asyncio.run(_run(PROGRAM))
    except BusyError:
        print("soak: a demo or a soak is at work on this cluster; wait for it", file=sys.stderr)
        return 4
    except KeyboardInterrupt:
        print(f"\nstopped after {time.monotonic() - began:.0f} s; what runs stays until the next run takes it away")
        return 130
    except (prepare.PrepareError, KubectlError, LaneError, OSError) as error:
        print(f"soak: {error}", file=sys.stderr)
        return 1


async def _run(program: Sequence[Kind]) -> int:
    cluster, began = Cluster(PATHS.kubeconfig, NAMESPACE), time.time()

    def say(model: str, mark: Mark) -> None:
        print(f"{mark.at - began:7.1f} s  {model:20} {mark.version:7} {mark.text}", flush=True)

    def lane(name: str, *, rate: float, seed: int) -> Lane:
        return Lane(cluster, f"soak-verdicts-{name}", rate=rate, seed=seed, models=PATHS.models, say=say)

    lanes = [lane(str(number), rate=RATE, seed=number) for number in range(1, LANES + 1)]
    quiet = lane("quiet", rate=QUIET_RATE, seed=LANES + 1)
    names = [one.model for one in (*lanes, quiet)]
    await asyncio.gather(*(prepare.clean(cluster, name) for name in names))
    seen = await _played(lanes, quiet, program)
    duration = time.time() - began
    await asyncio.gather(*(prepare.clean(cluster, name) for name in names))
    await _keep(cluster, seen, duration_s=duration)
    wrong = otherwise(seen)
    for line in wrong:
        print(f"soak: {line}", file=sys.stderr)
    return 1 if wrong else 0


async def _played(lanes: Sequence[Lane], quiet: Lane, program: Sequence[Kind]) -> list[Seen]:
    """All lanes side by side; the first that cannot go on ends the others."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(lane.play(program)) for lane in lanes]
            watched = group.create_task(quiet.watch_quietly())
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [*(one for task in tasks for one in task.result()), watched.result()]


async def _keep(cluster: Cluster, seen: Sequence[Seen], *, duration_s: float) -> None:
    summary = {
        "figures": figures(seen, duration_s=duration_s),
        "environment": measure.environment(kubernetes=await cluster.version()),
        "rows": [dataclasses.asdict(one) for one in seen],
    }
    write_whole(page.SUMMARY, json.dumps(summary, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(main())
