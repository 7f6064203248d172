"""Seconds that a person waits for the command line: its help, and the tree of 20 models from a real API server."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median

from hack.bench.errors import BenchError
from hack.bench.operator.stand import standing
from hack.cluster.paths import Paths
from hack.testbed.controlplane import OPERATOR

MODELS = 20
RUNS = 10
_PROGRAM = Path(sys.executable).parent / "kubectl-sluice"


def help_seconds() -> float:
    """Until the help is there, in the median."""
    return _median(["--help"], environment={})


async def get_seconds(paths: Paths, program: Path) -> float:
    """Until the tree is there, in the median, with 20 models of one version each.

    Raises:
        BenchError: The command failed, or the models do not come to serve.
    """
    models = [f"model-{number:02}" for number in range(MODELS)]
    async with standing(paths, program, interval=1.0) as stand:
        await stand.apply(models, "1.0.0")
        await stand.all_reach(models, "1.0.0", "Stable", seconds=120)
        config = stand.plane.kubeconfig(OPERATOR)
        return await asyncio.to_thread(_median, ["get"], environment={"KUBECONFIG": str(config)})


def _median(words: list[str], *, environment: Mapping[str, str]) -> float:
    taken = []
    for _ in range(RUNS):
        began = time.perf_counter()
        done = subprocess.run(
            [_PROGRAM, *words], env={**os.environ, **environment}, capture_output=True, text=True, check=False
        )
        taken.append(time.perf_counter() - began)
        if done.returncode:
            raise BenchError(f"kubectl sluice {' '.join(words)}: {done.stderr.strip()[:200]}")
    return median(taken)
