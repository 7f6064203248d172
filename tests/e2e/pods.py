"""The pods of a version, and ways to end what runs in them."""

import asyncio
import json
import shutil
from typing import Any

from hack.cluster.kind import NODE
from tests.e2e.model import Model

_CONTAINER = "kserve-container"


async def pods(model: Model, version: str) -> list[dict[str, Any]]:
    """The pods of a version that are not on their way out."""
    selector = f"--selector=sluice.dev/model={model.name},sluice.dev/version={version}"
    found = json.loads(await model.cluster.kubectl("get", "pods", selector, "-o", "json"))
    return [pod for pod in found["items"] if "deletionTimestamp" not in pod["metadata"]]


def ready_since(pod: dict[str, Any]) -> str | None:
    """Since when a pod is ready, in RFC 3339 with whole seconds; None when it is not."""
    conditions = pod.get("status", {}).get("conditions", ())
    return next((c["lastTransitionTime"] for c in conditions if c["type"] == "Ready" and c["status"] == "True"), None)


async def kill_predictors(model: Model, version: str) -> int:
    """End the predictors of a version without grace, as the kernel would; the number that ran."""
    statuses = [status for pod in await pods(model, version) for status in pod["status"].get("containerStatuses", ())]
    running = [one["containerID"] for one in statuses if one["name"] == _CONTAINER and "running" in one["state"]]
    for container in running:
        await _in_node("ctr", "--namespace=k8s.io", "tasks", "kill", "--signal=SIGKILL", container.partition("//")[2])
    return len(running)


async def _in_node(*words: str) -> None:
    engine = "podman" if shutil.which("podman") else "docker"
    process = await asyncio.create_subprocess_exec(
        *(engine, "exec", NODE, *words), stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    await process.wait()  # what has ended by itself meanwhile cannot be ended
