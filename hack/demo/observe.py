"""Watches the model's versions and its route from outside, and dates every change that it sees."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Protocol

from hack.demo.breach import weight_of
from hack.demo.kube import MODEL_VERSIONS, ROUTES, Resource
from hack.demo.record import RouteState, VersionState

SERVICE_SUFFIX = "-predictor"


class Watched(Protocol):
    """Where events come from: the cluster, or a test."""

    def watch(self, resource: Resource) -> AsyncIterator[tuple[str, dict[str, Any]]]: ...


class Observer:
    """The newest state of each version and of the route, and their histories; `until` waits for a condition."""

    def __init__(self, *, model: str, on_change: Callable[[VersionState], None] = lambda _: None) -> None:
        self.model = model
        self.versions: dict[str, VersionState] = {}
        self.states: list[VersionState] = []
        self.routes: list[RouteState] = []
        self.services: dict[str, str] = {}
        self._on_change = on_change
        self._changed = asyncio.Condition()
        self._failure: Exception | None = None

    def weight(self, version: str) -> float:
        """Percent of the traffic that the route sends to a version now."""
        return weight_of(self.routes[-1], version, self.services) if self.routes else 0.0

    async def until(self, condition: Callable[[], bool], *, within: float) -> bool:
        """Whether the condition came to hold within so many seconds; it is asked after every change.

        Raises:
            Exception: what ended the watching; nothing would ever change again.
        """

        def decided() -> bool:
            if self._failure is not None:
                raise self._failure
            return condition()

        try:
            async with asyncio.timeout(within), self._changed:
                await self._changed.wait_for(decided)
        except TimeoutError:
            return False
        return True

    @asynccontextmanager
    async def watching(self, source: Watched) -> AsyncIterator[None]:
        """Watch in the background for as long as the context lasts."""
        tasks = [
            asyncio.create_task(self._follow(source, MODEL_VERSIONS, self._saw_version)),
            asyncio.create_task(self._follow(source, ROUTES, self._saw_route)),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _follow(self, source: Watched, resource: Resource, saw: Callable[[str, Mapping[str, Any]], None]) -> None:
        try:
            async for kind, seen in source.watch(resource):
                saw(kind, seen)
                await self._notify()
        except Exception as failure:
            self._failure = failure
            await self._notify()

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    def _saw_version(self, kind: str, seen: Mapping[str, Any]) -> None:
        if seen["spec"].get("model") != self.model:
            return
        state = version_state(seen, at=time.time())
        if kind == "DELETED":
            self.versions.pop(state.version, None)
            return
        if state.service:
            self.services[state.service] = state.version
        self.versions[state.version] = state
        self.states.append(state)
        self._on_change(state)

    def _saw_route(self, kind: str, seen: Mapping[str, Any]) -> None:
        if seen["metadata"]["name"] != self.model:
            return
        weights = {} if kind == "DELETED" else route_weights(seen)
        if not self.routes or self.routes[-1].weights != weights:
            self.routes.append(RouteState(at=time.time(), weights=weights))


def version_state(seen: Mapping[str, Any], *, at: float) -> VersionState:
    """Read a ModelVersion as the API server gives it."""
    status = seen.get("status") or {}
    decision = status.get("decision") or {}
    return VersionState(
        at=at,
        version=seen["spec"]["version"],
        name=seen["metadata"]["name"],
        phase=status.get("phase") or "",
        weight=status.get("weight") or 0,
        step=status.get("step"),
        message=status.get("message") or "",
        reason=decision.get("reason") or "",
        gate=decision.get("gate") or "",
        service=status.get("inferenceService") or "",
        conditions=tuple(
            f"{one['type']}={one['status']} ({one.get('reason', '')}: {one.get('message', '')})"
            for one in status.get("conditions") or ()
        ),
    )


def route_weights(route: Mapping[str, Any]) -> dict[str, float]:
    """Percent of the traffic by InferenceService, as the rule without a match of its own divides it, the last one."""
    rules = route["spec"].get("rules") or [{}]
    refs = rules[-1].get("backendRefs") or []
    raw = {ref["name"].removesuffix(SERVICE_SUFFIX): ref.get("weight", 1) for ref in refs}
    total = sum(raw.values())
    return {name: 100 * weight / total for name, weight in raw.items()} if total else dict.fromkeys(raw, 0.0)
