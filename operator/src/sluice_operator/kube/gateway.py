"""Every exchange with the API server passes through here.

The `kubernetes` package does transport, TLS and authentication; objects are plain dictionaries on the wire. Its
watches, informers and typed models are not used: see docs/decisions.md.
"""

import contextlib
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import aiohttp
from kubernetes.aio.client import ApiClient

from .errors import UnavailableError, api_error

FIELD_MANAGER = "sluice"
STATUS_FIELD_MANAGER = "sluice-status"
_WRITE_TIMEOUT = 5.0
_READ_TIMEOUT = 30.0

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind as the API server's paths name it."""

    group: str
    version: str
    plural: str

    def path(self, *, namespace: str | None = None, name: str | None = None, sub: str | None = None) -> str:
        """The path of the collection, of an object, or of an object's subresource."""
        parts = ["apis", self.group, self.version] if self.group else ["api", self.version]
        if namespace is not None:
            parts += ["namespaces", quote(namespace, safe="")]
        parts.append(self.plural)
        if name is not None:
            parts.append(quote(name, safe=""))
        if sub is not None:
            parts.append(sub)
        return "/" + "/".join(parts)


class Gateway:
    """The API server."""

    def __init__(self, api: ApiClient) -> None:
        """Speak through a configured client."""
        self._api = api

    async def get(self, resource: Resource, *, namespace: str, name: str) -> Object:
        """Read one object, live."""
        return await self._request("GET", resource.path(namespace=namespace, name=name), seconds=_READ_TIMEOUT)

    async def list(self, resource: Resource, query: Mapping[str, str]) -> Object:
        """Read one page of a collection, over all namespaces."""
        return await self._request("GET", resource.path(), query=query, seconds=_READ_TIMEOUT)

    async def create(self, resource: Resource, *, namespace: str, body: Object) -> Object:
        """Create an object."""
        return await self._request("POST", resource.path(namespace=namespace), body=body)

    async def apply(self, resource: Resource, body: Object, *, sub: str | None = None) -> Object:
        """Server-side apply of the complete set of fields that are ours.

        Raises:
            ConflictError: when the body names a resourceVersion that is no longer the object's.
        """
        meta = body["metadata"]
        manager = STATUS_FIELD_MANAGER if sub == "status" else FIELD_MANAGER
        return await self._request(
            "PATCH",
            resource.path(namespace=meta["namespace"], name=meta["name"], sub=sub),
            query={"fieldManager": manager, "force": "true"},
            body=body,
            content_type="application/apply-patch+yaml",
        )

    async def merge_patch(self, resource: Resource, *, namespace: str, name: str, body: Object) -> Object:
        """Change some fields of an object, lists as a whole."""
        return await self._request(
            "PATCH",
            resource.path(namespace=namespace, name=name),
            query={"fieldManager": FIELD_MANAGER},
            body=body,
            content_type="application/merge-patch+json",
        )

    async def delete(self, resource: Resource, *, namespace: str, name: str) -> None:
        """Delete an object, its dependents after it."""
        await self._request("DELETE", resource.path(namespace=namespace, name=name))

    @contextlib.asynccontextmanager
    async def watch(
        self, resource: Resource, query: Mapping[str, str], *, idle: float
    ) -> AsyncIterator[AsyncIterator[Object]]:
        """Events of a collection. A stream that is silent for `idle` seconds ends with UnavailableError."""
        limit = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=idle)
        with _transport_errors():
            response = await self._open("GET", resource.path(), query=query, limit=limit)
            try:
                if response.status >= 400:
                    raise api_error(response.status, _message(await response.read()))
                yield _lines(response)
            finally:
                response.close()

    async def _request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Object | None = None,
        content_type: str = "application/json",
        seconds: float = _WRITE_TIMEOUT,
    ) -> Object:
        limit = aiohttp.ClientTimeout(total=seconds)
        with _transport_errors():
            response = await self._open(
                method, path, query=query or {}, body=body, content_type=content_type, limit=limit
            )
            async with response:
                raw = await response.read()
            if response.status >= 400:
                raise api_error(response.status, _message(raw))
            answer: Object = json.loads(raw)
            return answer

    async def _open(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str],
        limit: aiohttp.ClientTimeout,
        body: Object | None = None,
        content_type: str = "application/json",
    ) -> aiohttp.ClientResponse:
        request = await self._api.param_serialize(
            method,
            path,
            query_params=list(query.items()),
            header_params={"Accept": "application/json", "Content-Type": content_type},
            body=body,
            auth_settings=["BearerToken"],
        )
        answer = await self._api.call_api(*request, _request_timeout=limit)
        response: aiohttp.ClientResponse = answer.response
        return response


@contextlib.contextmanager
def _transport_errors() -> Iterator[None]:
    try:
        yield
    except (aiohttp.ClientError, TimeoutError, OSError, json.JSONDecodeError) as error:
        raise UnavailableError(0, f"{type(error).__name__}: {error}") from error


async def _lines(response: aiohttp.ClientResponse) -> AsyncIterator[Object]:
    with _transport_errors():
        async for line in response.content:
            if line.strip():
                yield json.loads(line)


def _message(raw: bytes) -> str:
    """The server's own words, or the beginning of whatever a proxy in between answered."""
    try:
        message = json.loads(raw)["message"]
    except (ValueError, KeyError, TypeError):
        message = raw[:200].decode(errors="replace")
    return str(message)
