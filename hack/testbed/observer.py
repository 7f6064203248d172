"""What the objects of a test stand are now, kept by watches, with waits for what they are to become."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

from hack.testbed.background import beside
from hack.testbed.client import INFERENCE_SERVICES, MODEL_VERSIONS, ROUTES, Client, Kind, Object, labels

KINDS = (MODEL_VERSIONS, INFERENCE_SERVICES, ROUTES)
_SUFFIX = "-predictor"
_MODEL_LABEL = "sluice.dev/model"


class Observer:
    """Sees every version of every object of its kinds, in the order the API server gives.

    Args:
        client: An administrator.
        namespace: What it looks at.
        on_route: Told of each version of each route.
    """

    def __init__(
        self, client: Client, *, namespace: str = "default", on_route: Callable[[Object], None] = lambda _: None
    ) -> None:
        self._client = client
        self._namespace = namespace
        self._on_route = on_route
        self._objects: dict[Kind, dict[str, Object]] = {kind: {} for kind in KINDS}
        self._changed = asyncio.Condition()
        self._changes = 0

    @contextlib.asynccontextmanager
    async def watching(self) -> AsyncIterator["Observer"]:
        """Watch while the block runs."""
        async with beside(*map(self._follow, KINDS)):
            yield self

    def status(self, name: str) -> dict[str, Any]:
        """The status of a ModelVersion; empty before it has one."""
        found: dict[str, Any] = self._objects[MODEL_VERSIONS].get(name, {}).get("status", {})
        return found

    def phase(self, name: str) -> str:
        return str(self.status(name).get("phase", ""))

    def versions(self) -> dict[str, Object]:
        return self._objects[MODEL_VERSIONS]

    def services(self) -> dict[str, Object]:
        return self._objects[INFERENCE_SERVICES]

    def route(self, model: str) -> Object | None:
        return self._objects[ROUTES].get(model)

    def left_of(self, model: str) -> list[str]:
        """Names of all objects of a model."""
        versions = [name for name, one in self.versions().items() if one["spec"]["model"] == model]
        services = [name for name, one in self.services().items() if labels(one).get(_MODEL_LABEL) == model]
        return [*versions, *services, *([model] if self.route(model) else [])]

    def weight(self, name: str) -> int:
        """Percent of the requests that a ModelVersion gets by its route; 0 without one."""
        version = self._objects[MODEL_VERSIONS].get(name)
        route = self.route(version["spec"]["model"]) if version else None
        return weights(route).get(self.status(name).get("inferenceService", ""), 0) if route else 0

    async def until(self, condition: Callable[[], bool], *, seconds: float) -> bool:
        """Wait until something holds; False if it does not within so many seconds."""
        try:
            async with asyncio.timeout(seconds), self._changed:
                await self._changed.wait_for(condition)
        except TimeoutError:
            return False
        return True

    async def more(self, changes: int) -> None:
        """Wait until so many more changes were seen."""
        goal = self._changes + changes
        async with self._changed:
            await self._changed.wait_for(lambda: self._changes >= goal)

    async def _follow(self, kind: Kind) -> None:
        async for change, obj in self._client.follow(kind, namespace=self._namespace):
            if change == "DELETED":
                self._objects[kind].pop(obj["metadata"]["name"], None)
            else:
                self._objects[kind][obj["metadata"]["name"]] = obj
                if kind is ROUTES:
                    self._on_route(obj)
            async with self._changed:
                self._changes += 1
                self._changed.notify_all()


def weights(route: Object) -> dict[str, int]:
    """Percent of the requests by the name of the InferenceService."""
    refs = [ref for rule in route["spec"].get("rules", []) for ref in rule.get("backendRefs", [])]
    return {ref["name"].removesuffix(_SUFFIX): ref.get("weight", 1) for ref in refs}
