"""What must stand before the story: cluster, images, trained versions, the chart; and nothing of an earlier story.

Each step is a command of the project that does nothing when there is nothing to do, so that a second run is
quick and an interrupted one goes on where it stopped.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hack.cluster.paths import Paths
from hack.demo.kube import INFERENCE_SERVICES, MODEL_VERSIONS, ROUTES, Cluster, KubectlError, Resource, tool

CLEAN_DEADLINE_S = 120.0
POLL_S = 0.5
VALUES = ("scrape.enabled=true", "scrape.interval=2s", "prometheus.interval=2")
"""Chart values for the cluster's Prometheus, which looks more often than in production, so that nobody waits long."""


class PrepareError(Exception):
    """A step before the story failed; the message names it and says what to do."""


@dataclass(frozen=True, slots=True)
class Step:
    """A command to run before the story; the command is made when its turn comes, from what earlier steps left."""

    title: str
    command: Callable[[], Sequence[str]]


def steps(paths: Paths) -> tuple[Step, ...]:
    """Everything before the story, in order."""
    python = sys.executable
    return (
        Step("cluster", lambda: [python, "-m", "hack.cluster", "up"]),
        Step("images", lambda: [python, "-m", "hack.cluster", "images"]),
        Step("models", lambda: [python, "-m", "examples.sms", "train"]),
        Step("chart", lambda: install_command(paths.kubeconfig, images=json.loads(paths.images_json.read_text()))),
    )


def install_command(kubeconfig: Path, *, images: dict[str, str]) -> list[str]:
    """Helm's command that installs or upgrades Sluice with the images just built."""
    return [
        tool("helm"),
        f"--kubeconfig={kubeconfig}",
        *("upgrade", "--install", "sluice", "helm/sluice", "--namespace=sluice-system", "--create-namespace"),
        *(f"--set=image.{name}={images[name]}" for name in ("operator", "predictor")),
        *(f"--set={value}" for value in VALUES),
        "--hide-notes",
        "--wait",
    ]


def prepare(all_steps: Sequence[Step], say: Callable[[str], None]) -> None:
    """Run the steps; what they print goes to the same terminal.

    Raises:
        PrepareError: a step failed.
    """
    for number, step in enumerate(all_steps, start=1):
        title = f"[{number}/{len(all_steps)}] {step.title}"
        say(title)
        began = time.monotonic()
        if status := _run(step.command()):
            raise PrepareError(f"{title} failed with status {status}; its own last lines say why")
        say(f"{title}: {time.monotonic() - began:.1f} s")


def _run(command: Sequence[str]) -> int:
    """Run a command to its end and return its status; Ctrl-C reaches it too, and it gets the time to end in order."""
    with subprocess.Popen(command) as child:
        try:
            return child.wait()
        except KeyboardInterrupt:
            child.wait()
            raise


async def clean(cluster: Cluster, model: str) -> int:
    """Delete what an earlier story left and wait until it is gone; the number of ModelVersions that were there.

    Raises:
        PrepareError: something of it is still there at the deadline.
    """
    left = await _remains(cluster, model)
    versions = [name for kind, name in left if kind is MODEL_VERSIONS]
    for name in versions:
        # Nothing is to come in its place, so nothing is waited for. One that cannot be annotated is gone already.
        with contextlib.suppress(KubectlError):
            await cluster.kubectl(
                "annotate", "--overwrite", MODEL_VERSIONS.argument, name, "sluice.dev/delete-now=true"
            )
        await cluster.delete(MODEL_VERSIONS, name)
    ends = time.monotonic() + CLEAN_DEADLINE_S
    while left := await _remains(cluster, model):
        if time.monotonic() > ends:
            names = ", ".join(f"{kind.plural}/{name}" for kind, name in left)
            raise PrepareError(
                f"still there {CLEAN_DEADLINE_S:.0f} s after the deletion of the model's versions: {names}; "
                "look at: kubectl logs -n sluice-system deployment/sluice-operator"
            )
        await asyncio.sleep(POLL_S)
    return len(versions)


async def _remains(cluster: Cluster, model: str) -> list[tuple[Resource, str]]:
    versions = [one for one in await cluster.items(MODEL_VERSIONS) if one["spec"].get("model") == model]
    services = await cluster.items(INFERENCE_SERVICES, selector=f"sluice.dev/model={model}")
    routes = [one for one in await cluster.items(ROUTES) if one["metadata"]["name"] == model]
    found = ((MODEL_VERSIONS, versions), (INFERENCE_SERVICES, services), (ROUTES, routes))
    return [(kind, one["metadata"]["name"]) for kind, items in found for one in items]
