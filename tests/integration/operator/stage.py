"""One test's stage: the world, Prometheus, what is observed, the rules of traffic, and an operator."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hack.testbed.client import EVENTS, INFERENCE_SERVICES, MODEL_VERSIONS, PODS, ROUTES, Client, Object, connected
from hack.testbed.controlplane import ADMINISTRATOR, OPERATOR, ControlPlane
from hack.testbed.observer import Observer
from hack.testbed.operator import Operator
from hack.testbed.prometheus import Prometheus
from hack.testbed.proxy import Proxy
from hack.testbed.world import World
from tests.integration.operator.rules import Rules

SECONDS = 60.0
"""How long a test waits for what must come; nothing that passes takes as long."""

ROLLOUT: dict[str, Any] = {
    "steps": [{"weight": 10, "hold": "1s"}, {"weight": 50, "hold": "1s"}],
    "probation": {"duration": "1s"},
    "readyTimeout": "2m",
    "analysis": {
        "gates": [
            {
                "name": "errors",
                "metric": "error-rate",
                "limit": {"above": 0.1, "window": "10s", "checks": 1, "minRequests": 10},
            }
        ]
    },
}


@dataclass(frozen=True, slots=True)
class Stage:
    """What a test acts on and looks at."""

    control_plane: ControlPlane
    client: Client
    world: World
    prometheus: Prometheus
    observer: Observer
    operator: Operator
    proxy: Proxy
    rules: Rules

    async def apply(self, model: str, version: str, **spec: Any) -> None:
        """Make a version; its traffic is healthy from the start."""
        self.prometheus.traffic(model, version)
        body = {
            "metadata": {"name": f"{model}-{version}"},
            "spec": {
                "model": model,
                "version": version,
                "source": {"storageUri": f"pvc://models/{model}/{version}"},
                "rollout": ROLLOUT,
                **spec,
            },
        }
        await self.client.create(MODEL_VERSIONS, body)

    async def reaches(self, name: str, *phases: str) -> None:
        """Wait until a version is in one of these phases."""
        there = await self.observer.until(lambda: self.observer.phase(name) in phases, seconds=SECONDS)
        assert there, f"{name} was expected {phases}, is {self.observer.status(name)}\n{self.operator.log()[-3000:]}"

    async def has_weight(self, name: str, weight: int) -> None:
        """Wait until the route gives a version so many percent."""
        there = await self.observer.until(lambda: self.observer.weight(name) == weight, seconds=SECONDS)
        assert there, f"{name} was expected at {weight} %, is at {self.observer.weight(name)} %"

    async def serves(self, model: str, version: str) -> None:
        """Apply the first version of a model and wait until it is stable."""
        await self.apply(model, version)
        await self.reaches(f"{model}-{version}", "Stable")

    async def until_event(self, name: str, reason: str) -> Object:
        """Wait until an Event of this reason tells of a version."""
        async with asyncio.timeout(SECONDS):
            async for _, event in self.client.follow(EVENTS):
                if (event["regarding"]["name"], event["reason"]) == (name, reason):
                    return event
        raise AssertionError("a watch ends only with its timeout")


@contextlib.asynccontextmanager
async def staged(plane: ControlPlane, directory: Path) -> AsyncIterator[Stage]:
    """Set the stage and take it down; what was made on it is gone afterwards."""
    async with contextlib.AsyncExitStack() as stack:
        enter = stack.enter_async_context
        client = await enter(connected(plane.url, plane.tls(ADMINISTRATOR)))
        stack.push_async_callback(_clear, client)
        prometheus = await enter(Prometheus().serving())
        proxy = await enter(Proxy(plane.port).serving())
        world = await enter(World(client).turning())
        rules = Rules(world)
        observer = await enter(Observer(client, on_route=rules.look_at).watching())
        rules.observer = observer
        operator = Operator(
            kubeconfig=plane.kubeconfig(OPERATOR, server=proxy.url),
            prometheus=prometheus.url,
            log=directory / "operator.log",
        )
        stack.enter_context(operator.running())
        yield Stage(plane, client, world, prometheus, observer, operator, proxy, rules)
        assert rules.broken == []


async def _clear(client: Client) -> None:
    """Delete everything, whatever would keep it."""
    for kind in (MODEL_VERSIONS, INFERENCE_SERVICES, ROUTES, PODS, EVENTS):
        for obj in await client.items(kind):
            name = obj["metadata"]["name"]
            if obj["metadata"].get("finalizers"):
                await client.patch(kind, name, {"metadata": {"finalizers": None}})
            await client.delete(kind, name)
