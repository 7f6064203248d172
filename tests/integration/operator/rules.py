"""The rules of traffic that hold at every instant, asked of every version of every route that the API server had."""

import json

from hack.testbed.client import Object
from hack.testbed.observer import Observer, weights
from hack.testbed.world import World

_MARKS = "sluice.dev/taken-back"
_OWNER = "sluice.dev/model-version"


class Rules:
    """Looks at routes, and remembers what was wrong with them.

    What a route may say is compared with what has been ready before, because readiness and routes are seen by
    separate watches.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._been_ready: set[str] = set()
        self.observer: Observer | None = None
        self._seen: dict[str, list[int]] = {}
        self.broken: list[str] = []

    def look_at(self, route: Object) -> None:
        """Check one version of a route."""
        self._been_ready |= self._world.ready
        for name, weight in weights(route).items():
            before = self._seen.setdefault(name, [])
            if before[-1:] != [weight]:
                before.append(weight)
        given = {name: weight for name, weight in weights(route).items() if weight > 0}
        seen = f"{route['metadata']['name']} at {route['metadata']['resourceVersion']}: {weights(route)}"
        if sum(given.values()) != 100:
            self.broken.append(f"the weights are not 100 in all: {seen}")
        for name in given.keys() - self._been_ready:
            self.broken.append(f"{name} has traffic and was never ready: {seen}")
        for name in given.keys() & self._taken_back(route):
            self.broken.append(f"{name} has traffic again after it was taken back: {seen}")

    def weights_of(self, version: str) -> list[int]:
        """The weights that a ModelVersion has had, one after the other."""
        assert self.observer is not None
        return self._seen.get(self.observer.status(version).get("inferenceService", ""), [])

    def _taken_back(self, route: Object) -> set[str]:
        """Names of the InferenceServices of versions whose mark the route bears."""
        marks = json.loads(route["metadata"].get("annotations", {}).get(_MARKS, "[]"))
        uids = {mark["uid"] for mark in marks}
        assert self.observer is not None
        owners = {name for name, version in self.observer.versions().items() if version["metadata"]["uid"] in uids}
        services = self.observer.services().items()
        return {name for name, obj in services if obj["metadata"].get("annotations", {}).get(_OWNER) in owners}
