"""One test's stage: the world, Prometheus, what is observed, the rules of traffic, and an operator."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hack.testbed.background import beside
from hack.testbed.client import (
    CONFIG_MAPS,
    EVENTS,
    INFERENCE_SERVICES,
    LEASES,
    MODEL_VERSIONS,
    PODS,
    ROLLOUT_ACTIONS,
    ROLLOUT_POLICIES,
    ROUTES,
    Client,
    Object,
    connected,
)
from hack.testbed.controlplane import (
    ADMINISTRATOR,
    OPERATOR,
    OTHER_RELEASE_NAMESPACE,
    RELEASE_NAMESPACE,
    ControlPlane,
)
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
LONG: dict[str, Any] = {**ROLLOUT, "steps": [{"weight": 10, "hold": "10m"}]}
"""Nothing but a rollback moves it."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What a test acts on and looks at."""

    control_plane: ControlPlane
    client: Client
    world: World
    prometheus: Prometheus
    observer: Observer
    operator: Operator
    standby: Operator
    """Not started: another, to take over when the first has ended."""
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

    async def reaches(self, name: str, phase: str, *, within: float = SECONDS) -> None:
        """Wait until a version is in a phase."""
        there = await self.observer.until(lambda: self.observer.phase(name) == phase, seconds=within)
        assert there, f"{name} was expected {phase}, is {self.observer.status(name)}\n{self.operator.log()[-3000:]}"

    async def has_weight(self, name: str, weight: int, *, within: float = SECONDS) -> None:
        """Wait until the route gives a version so many percent."""
        there = await self.observer.until(lambda: self.observer.weight(name) == weight, seconds=within)
        assert there, f"{name} was expected at {weight} %, is at {self.observer.weight(name)} %"

    async def serves(self, model: str, version: str) -> None:
        """Apply the first version of a model and wait until it is stable."""
        await self.apply(model, version)
        await self.reaches(f"{model}-{version}", "Stable")

    async def scale(self, name: str, pods: int) -> None:
        """Let a version have at least so many pods, and wait until its InferenceService has them."""
        await self.client.patch(MODEL_VERSIONS, name, {"spec": {"predictor": {"minReplicas": pods}}})
        service = self.observer.status(name)["inferenceService"]

        def has_them() -> bool:
            return bool(self.observer.services()[service]["spec"]["predictor"]["minReplicas"] == pods)

        assert await self.observer.until(has_them, seconds=SECONDS), self.observer.services()[service]

    async def act(self, name: str, action: str, *, reason: str = "a test") -> None:
        """Act on a version, and wait until it is said what came of it."""
        uid, status = self.observer.versions()[name]["metadata"]["uid"], self.observer.status(name)
        shown = {"attempt": "attempt", "step": "step", "policyHash": "effectiveRolloutHash"}
        seen = {field: status[of] for field, of in shown.items() if of in status}
        said = {"reason": reason, "requestedBy": ADMINISTRATOR, **seen}
        spec = {"modelVersion": name, "uid": uid, "action": action, **said}
        await self.client.create(ROLLOUT_ACTIONS, {"metadata": {"name": f"{name}-{action.lower()}"}, "spec": spec})
        async with asyncio.timeout(SECONDS):
            await self.client.first(ROLLOUT_ACTIONS, lambda act: bool(act.get("status", {}).get("outcome")))

    async def says(self, name: str, words: str) -> None:
        """Wait until a version's message has these words."""
        said = await self.observer.until(
            lambda: words in self.observer.status(name).get("message", ""), seconds=SECONDS
        )
        assert said, self.observer.status(name)

    async def comes_to_rest(self, name: str) -> int:
        """Wait until a version has the weight that it was last given; returns that."""

        def rests() -> bool:
            said = self.observer.status(name)
            return bool(said.get("desiredWeight") == said.get("weight") == self.observer.weight(name))

        assert await self.observer.until(rests, seconds=SECONDS), self.observer.status(name)
        return self.observer.weight(name)

    async def gate_is(self, name: str, verdict: str) -> None:
        """Wait until the first gate of a version says this."""

        def says() -> bool:
            gates = self.observer.status(name).get("gates") or [{}]
            return bool(gates[0].get("verdict") == verdict)

        assert await self.observer.until(says, seconds=SECONDS), self.observer.status(name)

    async def hold_is_over(self, name: str, *, hold: float) -> None:
        """Wait until a version has held its step for so many seconds."""
        ends = datetime.fromisoformat(self.observer.status(name)["stepStartedAt"]) + timedelta(seconds=hold)
        while datetime.now(UTC) < ends:
            await self.prometheus.asked(1)

    async def edit_weights(self, model: str, weights: Mapping[str, int]) -> None:
        """Edit a model's route behind the operator's back: the percentages by the names of versions."""
        route = await self.client.get(ROUTES, model)
        services = {self.observer.status(name)["inferenceService"]: weight for name, weight in weights.items()}
        (rule,) = route["spec"]["rules"]
        for ref in rule["backendRefs"]:
            ref["weight"] = services[ref["name"].removesuffix("-predictor")]
        await self.client.patch(ROUTES, model, {"spec": {"rules": [rule]}})

    async def delete_model(self, model: str) -> None:
        """Delete every version of a model, and wait until nothing of it is left."""
        for name, version in list(self.observer.versions().items()):
            if version["spec"]["model"] == model:
                await self.client.delete(MODEL_VERSIONS, name)
        left = self.observer.left_of
        assert await self.observer.until(lambda: not left(model), seconds=SECONDS), left(model)

    async def until_event(self, name: str, reason: str) -> Object:
        """Wait until an Event of this reason tells of a version."""
        async with asyncio.timeout(SECONDS):
            wanted = (name, reason)
            return await self.client.first(EVENTS, lambda e: (e["regarding"]["name"], e["reason"]) == wanted)


@contextlib.asynccontextmanager
async def staged(
    plane: ControlPlane, directory: Path, *, account: str = OPERATOR, server: str = "", **settings: str
) -> AsyncIterator[Stage]:
    """Set the stage and take it down; what was made on it is gone afterwards.

    Args:
        plane: The API server.
        directory: For logs.
        account: Who the operators are to the API server.
        server: URL by which the operators reach the API server, when not through the stage's own proxy.
        settings: What they are told beside what every operator is, by environment variable.
    """
    async with contextlib.AsyncExitStack() as stack:
        enter = stack.enter_async_context
        client = await enter(connected(plane.url, plane.tls(ADMINISTRATOR)))
        stack.push_async_callback(clear, client)
        prometheus = await enter(Prometheus().serving())
        proxy = await enter(Proxy(plane.port).serving())
        world = await enter(World(client).turning())
        rules = Rules(world)
        observer = await enter(Observer(client, on_route=rules.look_at).watching())
        rules.observer = observer
        config = plane.kubeconfig(account, server=server or proxy.url)
        operator, standby = (
            Operator(
                kubeconfig=config,
                prometheus=prometheus.url,
                log=directory / f"{name}.log",
                name=name,
                settings=settings,
            )
            for name in ("operator-0", "operator-1")
        )
        stack.enter_context(operator.running())
        stack.callback(standby.kill)
        await enter(beside(operator.kept()))
        yield Stage(plane, client, world, prometheus, observer, operator, standby, proxy, rules)
        assert rules.broken == []
        assert world.pods.live == []


async def clear(client: Client, *, namespace: str = "default") -> None:
    """Delete everything in a namespace, whatever would keep it, the lease, and the checkpoint of the record."""
    for kind in (ROLLOUT_ACTIONS, ROLLOUT_POLICIES, MODEL_VERSIONS, INFERENCE_SERVICES, ROUTES, PODS, EVENTS):
        for obj in await client.items(kind, namespace=namespace):
            name = obj["metadata"]["name"]
            if obj["metadata"].get("finalizers"):
                await client.patch(kind, name, {"metadata": {"finalizers": None}}, namespace=namespace)
            await client.delete(kind, name, namespace=namespace)
    for release in (RELEASE_NAMESPACE, OTHER_RELEASE_NAMESPACE):
        for kind in (LEASES, CONFIG_MAPS):
            for obj in await client.items(kind, namespace=release):
                await client.delete(kind, obj["metadata"]["name"], namespace=release)
