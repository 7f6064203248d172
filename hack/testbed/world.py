"""Plays KServe and the Gateway: what they would do to objects, and nothing behind it.

An InferenceService gets its pods and is Ready, unless a test says otherwise; one that is stopped or gone loses them.
A route is accepted at each of its generations. Objects are kept in order one by one and side by side among each other.
"""

import asyncio
import contextlib
import zlib
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any

import aiohttp

from hack.testbed.background import beside
from hack.testbed.client import INFERENCE_SERVICES, PODS, ROUTES, Client, Kind, Object, RefusedError, labels
from hack.testbed.pods import Pods

STOPPED = "serving.kserve.io/stop"
_SERVICE_LABEL = "serving.kserve.io/inferenceservice"
_VERSION_LABEL = "sluice.dev/version"
_LANES = 16
_PAUSE_SECONDS = 0.2


class World:
    """What surrounds the operator.

    Args:
        client: An administrator.
        namespace: What it plays in.
    """

    def __init__(self, client: Client, *, namespace: str = "default") -> None:
        self._client = client
        self._namespace = namespace
        self._problems: dict[str, str] = {}
        self._pods: dict[str, int] = {}
        self._ips: dict[str, str] = {}
        self._told: dict[str, str | None] = {}
        self._services: dict[str, Object] = {}
        self._lanes: list[asyncio.Queue[tuple[Kind, str, Object]]] = [asyncio.Queue() for _ in range(_LANES)]
        self.pods = Pods()
        """What answers for the pods."""
        self._missed: list[tuple[str, Object]] | None = None
        """What KServe has not seen while it is down; None while it works."""
        self.ready: set[str] = set()
        """Names of the InferenceServices that are ready."""

    @contextlib.asynccontextmanager
    async def turning(self) -> AsyncIterator["World"]:
        """Play while the block runs."""
        kinds = (self._follow(kind) for kind in (INFERENCE_SERVICES, ROUTES))
        async with self.pods.serving(), beside(*kinds, *map(self._work, self._lanes)):
            yield self

    def stop_kserve(self) -> None:
        """Let nobody look at InferenceServices; pods are as they are, and the Gateway goes on."""
        self._missed = []

    def start_kserve(self) -> None:
        """Let KServe see what it has missed, and go on."""
        missed, self._missed = self._missed or [], None
        for change, service in missed:
            self._put(INFERENCE_SERVICES, change, service)

    def break_pods(self, version: str, problem: str) -> None:
        """Let the pods of a version (the label's value) not become ready, or be it no longer, and say why."""
        self._problems[version] = problem
        self._again(version)

    def mend_pods(self, version: str) -> None:
        """Let the pods of a version be ready."""
        del self._problems[version]
        self._again(version)

    def _again(self, version: str) -> None:
        for service in self._services.values():
            if labels(service).get(_VERSION_LABEL) == version:
                self._put(INFERENCE_SERVICES, "MODIFIED", service)

    async def _follow(self, kind: Kind) -> None:
        async for change, obj in self._client.follow(kind, namespace=self._namespace):
            if kind is INFERENCE_SERVICES:
                self._services[obj["metadata"]["name"]] = obj
                if change == "DELETED":
                    del self._services[obj["metadata"]["name"]]
            if kind is INFERENCE_SERVICES and self._missed is not None:
                self._missed.append((change, obj))
            else:
                self._put(kind, change, obj)

    def _put(self, kind: Kind, change: str, obj: Object) -> None:
        lane = zlib.crc32(obj["metadata"]["name"].encode()) % _LANES
        self._lanes[lane].put_nowait((kind, change, obj))

    async def _work(self, lane: asyncio.Queue[tuple[Kind, str, Object]]) -> None:
        while True:
            kind, change, obj = await lane.get()
            act = self._service if kind is INFERENCE_SERVICES else self._route
            while True:
                try:
                    await act(change, obj)
                    break
                except RefusedError as error:
                    if error.status in (404, 409):
                        break  # it is gone or has changed: the next event says how
                except (aiohttp.ClientError, TimeoutError):
                    pass  # the API server is away
                await asyncio.sleep(_PAUSE_SECONDS)

    async def _service(self, change: str, service: Object) -> None:
        name = service["metadata"]["name"]
        stopped = service["metadata"].get("annotations", {}).get(STOPPED) == "true"
        wanted = 0 if stopped or change == "DELETED" else service["spec"]["predictor"].get("minReplicas", 1)
        problem = "Stopped" if stopped else self._problems.get(labels(service).get(_VERSION_LABEL, ""))
        if problem or not wanted:
            self.ready.discard(name)
        have = self._pods.get(name, 0)
        for number in range(have, wanted):
            await self._make_pod(service, f"{name}-predictor-{number}")
            self._pods[name] = number + 1
        for pod in (f"{name}-predictor-{number}" for number in range(wanted)):
            if self._told.get(pod, "") != problem:
                await self._say(PODS, pod, {**_pod_status(problem), "podIP": self._ips[pod]})
                self._told[pod] = problem
        for pod in (f"{name}-predictor-{number}" for number in range(wanted, have)):
            await self._client.delete(PODS, pod, namespace=self._namespace)
            self._told.pop(pod, None)
        self._pods[name] = wanted
        if change == "DELETED":
            return
        status = {"observedGeneration": service["metadata"]["generation"], "conditions": [_ready(problem)]}
        if service.get("status", {}).get("conditions", [{}])[0].get("status") != _ready(problem)["status"]:
            await self._say(INFERENCE_SERVICES, name, status)
        if wanted and not problem:
            self.ready.add(name)

    async def _make_pod(self, service: Object, name: str) -> None:
        meta = {"name": name, "labels": {**labels(service), _SERVICE_LABEL: service["metadata"]["name"]}}
        port = {"name": "http1", "containerPort": self.pods.port}
        spec = {"containers": [{"name": "kserve-container", "image": "played", "ports": [port]}]}
        self._ips[name] = self.pods.place(labels(service).get(_VERSION_LABEL, ""))
        try:
            await self._client.create(PODS, {"metadata": meta, "spec": spec}, namespace=self._namespace)
        except RefusedError as error:
            if error.status != 409:
                raise

    async def _route(self, change: str, route: Object) -> None:
        meta = route["metadata"]
        parents = route.get("status", {}).get("parents", [])
        accepted = [c["observedGeneration"] for parent in parents for c in parent["conditions"]]
        if change == "DELETED" or (accepted and set(accepted) == {meta["generation"]}):
            return
        conditions = [
            {**_condition(kind, "True", kind), "observedGeneration": meta["generation"]}
            for kind in ("Accepted", "ResolvedRefs")
        ]
        said = [
            {"parentRef": parent, "controllerName": "testbed.example/gateway", "conditions": conditions}
            for parent in route["spec"]["parentRefs"]
        ]
        await self._say(ROUTES, meta["name"], {"parents": said})

    async def _say(self, kind: Kind, name: str, status: Mapping[str, Any]) -> None:
        await self._client.patch(kind, name, {"status": status}, namespace=self._namespace, status=True)


def _pod_status(problem: str | None) -> Object:
    waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": problem}} if problem else {"running": {}}
    container = {
        "name": "kserve-container",
        "image": "played",
        "imageID": "played",
        "ready": not problem,
        "restartCount": 0,
        "state": waiting,
    }
    conditions = [_ready(problem), {**_ready(problem), "type": "ContainersReady"}]
    return {"phase": "Running", "conditions": conditions, "containerStatuses": [container]}


def _ready(problem: str | None) -> Object:
    if problem is None:
        return _condition("Ready", "True", "Ready")
    return _condition("Ready", "False", "Stopped" if problem == "Stopped" else "NotReady")


def _condition(kind: str, status: str, reason: str) -> Object:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"type": kind, "status": status, "reason": reason, "message": "", "lastTransitionTime": now}
