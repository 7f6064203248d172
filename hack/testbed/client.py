"""The API server as the test stand asks it: objects as dictionaries, and watches that survive its restarts.

None of the operator's own code is used, so that a fault of it cannot hide itself.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

Object = dict[str, Any]
_LINE_BYTES = 8 * 1024**2
_PAUSE_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind as the API server's paths name it."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version


MODEL_VERSIONS = Kind("sluice.dev", "v1alpha1", "modelversions", "ModelVersion")
ROLLOUT_POLICIES = Kind("sluice.dev", "v1alpha1", "rolloutpolicies", "RolloutPolicy")
ROLLOUT_ACTIONS = Kind("sluice.dev", "v1alpha1", "rolloutactions", "RolloutAction")
INFERENCE_SERVICES = Kind("serving.kserve.io", "v1beta1", "inferenceservices", "InferenceService")
ROUTES = Kind("gateway.networking.k8s.io", "v1", "httproutes", "HTTPRoute")
PODS = Kind("", "v1", "pods", "Pod")
EVENTS = Kind("events.k8s.io", "v1", "events", "Event")
LEASES = Kind("coordination.k8s.io", "v1", "leases", "Lease")
CONFIG_MAPS = Kind("", "v1", "configmaps", "ConfigMap")
NAMESPACES = Kind("", "v1", "namespaces", "Namespace", namespaced=False)
CRDS = Kind("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False)


class RefusedError(Exception):
    """The API server refused; `status` is its HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status} {message}")
        self.status = status


class Client:
    """Asks as one user.

    Args:
        session: Knows the URL of the API server, and whom it speaks for.
    """

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def get(self, kind: Kind, name: str, *, namespace: str = "default") -> Object:
        return await self._ask("GET", _path(kind, namespace, name))

    async def items(self, kind: Kind, *, namespace: str = "default") -> list[Object]:
        found: list[Object] = (await self._ask("GET", _path(kind, namespace)))["items"]
        return found

    async def create(self, kind: Kind, body: Object, *, namespace: str = "default") -> Object:
        whole = {"apiVersion": kind.api_version, "kind": kind.kind, **body}
        return await self._ask("POST", _path(kind, namespace), whole)

    async def patch(
        self, kind: Kind, name: str, body: Object, *, namespace: str = "default", status: bool = False
    ) -> Object:
        path = _path(kind, namespace, name) + ("/status" if status else "")
        return await self._ask("PATCH", path, body, content_type="application/merge-patch+json")

    async def delete(self, kind: Kind, name: str, *, namespace: str = "default") -> None:
        """Delete an object, at once and if it is there."""
        try:
            await self._ask("DELETE", _path(kind, namespace, name), {"gracePeriodSeconds": 0})
        except RefusedError as error:
            if error.status != 404:
                raise

    async def first(self, kind: Kind, suits: Callable[[Object], bool], *, namespace: str = "default") -> Object:
        """Wait, for ever, until an object of a collection suits."""
        async with contextlib.aclosing(self.follow(kind, namespace=namespace)) as changes:
            async for _, obj in changes:
                if suits(obj):
                    return obj
        raise AssertionError("a collection is followed for ever")

    async def follow(self, kind: Kind, *, namespace: str = "default") -> AsyncGenerator[tuple[str, Object], None]:
        """Every change of a collection as (ADDED, MODIFIED or DELETED, object), for ever.

        What is there comes first, as ADDED. After an outage it goes on where it was, so that no version is missed,
        or, where the history is gone, from what is there then.
        """
        version = ""
        while True:
            try:
                if not version:
                    found = await self._ask("GET", _path(kind, namespace))
                    for obj in found["items"]:
                        yield "ADDED", obj
                    version = found["metadata"]["resourceVersion"]
                async with contextlib.aclosing(self._watch(kind, namespace, version)) as changes:
                    async for change, obj in changes:
                        version = obj["metadata"]["resourceVersion"]
                        if change != "BOOKMARK":
                            yield change, obj
            except RefusedError as error:
                version = "" if error.status == 410 else version
            except (aiohttp.ClientError, TimeoutError):
                pass
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _watch(self, kind: Kind, namespace: str, version: str) -> AsyncGenerator[tuple[str, Object], None]:
        query = {"watch": "true", "allowWatchBookmarks": "true", "resourceVersion": version}
        limit = aiohttp.ClientTimeout(total=None)
        async with self._session.get(_path(kind, namespace), params=query, timeout=limit) as response:
            if response.status >= 400:
                raise RefusedError(response.status, await response.text())
            async for line in response.content:
                event = json.loads(line)
                if event["type"] == "ERROR":
                    raise RefusedError(event["object"].get("code", 0), str(event["object"].get("message")))
                yield event["type"], event["object"]

    async def _ask(
        self, method: str, path: str, body: Object | None = None, *, content_type: str = "application/json"
    ) -> Object:
        async with self._session.request(
            method, path, data=None if body is None else json.dumps(body), headers={"Content-Type": content_type}
        ) as response:
            text = await response.text()
            if response.status >= 400:
                raise RefusedError(response.status, text[:500])
            answer: Object = json.loads(text)
            return answer


@contextlib.asynccontextmanager
async def connected(url: str, tls: Any) -> AsyncIterator[Client]:
    """Have a client while the block runs."""
    connector = aiohttp.TCPConnector(ssl=tls, limit=64)
    limit = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(url, connector=connector, timeout=limit, read_bufsize=_LINE_BYTES) as session:
        yield Client(session)


def labels(obj: Mapping[str, Any]) -> Mapping[str, str]:
    """The labels of an object."""
    found: Mapping[str, str] = obj["metadata"].get("labels", {})
    return found


def _path(kind: Kind, namespace: str, name: str = "") -> str:
    group = f"/apis/{kind.group}/{kind.version}" if kind.group else f"/api/{kind.version}"
    scope = f"/namespaces/{namespace}" if kind.namespaced else ""
    return f"{group}{scope}/{kind.plural}" + (f"/{name}" if name else "")
