"""A test stand for the story: a real API server and the real operator, in a world that is played."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hack.cluster.paths import default_paths
from hack.testbed.client import MODEL_VERSIONS, Client, connected
from hack.testbed.controlplane import ADMINISTRATOR, OPERATOR, ControlPlane
from hack.testbed.installation import built, install
from hack.testbed.operator import Operator
from hack.testbed.prometheus import Prometheus
from hack.testbed.world import World

MODEL = "sms"
VERSIONS = ("1.0.0", "1.1.0")
CANDIDATE = "1.2.0"
PERSON = "ann@example.com"
_SECONDS = 120.0
_AT_ONCE: dict[str, Any] = {"strategy": "Replace", "preflight": {"artifact": False}}


@dataclass(frozen=True, slots=True)
class Stand:
    """What a person needs who plays there."""

    kubeconfig: Path
    """Of a person who may do everything."""
    ledger: Path
    """The operator's own database: there is no pod of it that a port could be forwarded to."""


@contextlib.asynccontextmanager
async def stand(directory: Path) -> AsyncIterator[Stand]:
    """Have one while the block runs."""
    plane = ControlPlane(program=built(default_paths()), directory=directory)
    with plane.running():
        async with contextlib.AsyncExitStack() as stack:
            enter = stack.enter_async_context
            client = await enter(connected(plane.url, plane.tls(ADMINISTRATOR)))
            await install(client, default_paths())
            prometheus = await enter(Prometheus().serving())
            await enter(World(client).turning())
            log = directory / "operator.log"
            operator = Operator(kubeconfig=plane.kubeconfig(OPERATOR), prometheus=prometheus.url, log=log)
            stack.enter_context(operator.running())
            prometheus.traffic(MODEL, CANDIDATE)
            for version in VERSIONS:
                prometheus.traffic(MODEL, version)
                await _serve(client, version)
            yield Stand(plane.kubeconfig(PERSON, groups=["system:masters"]), operator.ledger)


def spec(version: str) -> dict[str, Any]:
    """What a version of the model says, but for its rollout."""
    return {"model": MODEL, "version": version, "source": {"storageUri": f"pvc://models/{MODEL}/{version}"}}


async def _serve(client: Client, version: str) -> None:
    name = f"{MODEL}-{version}"
    body = {"metadata": {"name": name}, "spec": {**spec(version), "rollout": _AT_ONCE}}
    await client.create(MODEL_VERSIONS, body)
    async with asyncio.timeout(_SECONDS):
        await client.first(
            MODEL_VERSIONS,
            lambda obj: obj["metadata"]["name"] == name and obj.get("status", {}).get("phase") == "Stable",
        )
