"""Every exchange with the API server passes through here.

The `kubernetes` package does transport, TLS and authentication; objects are plain dictionaries on the wire. Its
watches, informers and typed models are not used: see docs/decisions.md. Reads are repeated, because that changes
nothing; writes never are, because nobody knows what became of the first one. Every write asks for leave right before
it is sent.
"""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping

import aiohttp
import msgspec
from aiohttp.http import HttpProcessingError
from kubernetes.aio.client import ApiClient
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_after_attempt,
    stop_before_delay,
    wait_random_exponential,
)

from .errors import ApiError, NotLeaderError, UnavailableError, api_error
from .resource import DEEPEST_JSON as DEEPEST_JSON
from .resource import Object as Object
from .resource import Resource as Resource

FIELD_MANAGER = "sluice"
STATUS_FIELD_MANAGER = "sluice-status"
_WRITE_TIMEOUT = 5.0
_READ_TIMEOUT = 30.0
"""Seconds for a read, with all its repetitions."""
_NO_LIMIT = aiohttp.ClientTimeout(total=None)
_READ_TRIES = 4
_MESSAGE = 2000
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError)
_READ = msgspec.json.Decoder()
"""All objects that it reads share the names of their fields: of thousands, that is a third of their text."""
_NOT_IN_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_JITTER = wait_random_exponential(multiplier=0.1, max=2.0)


class Gateway:
    """The API server."""

    def __init__(
        self,
        api: ApiClient,
        *,
        may_write: Callable[[], bool] = lambda: True,
        asked: Callable[[str, str], None] = lambda _method, _code: None,
    ) -> None:
        """Speak through a configured client.

        Args:
            api: The client.
            may_write: Asked right before every write; when it says no, NotLeaderError is raised and nothing is sent.
            asked: Told the method and the status of every request; `<error>` stands for no answer.
        """
        self._api = api
        self._may_write = may_write
        self._asked = asked

    async def get(self, resource: Resource, *, namespace: str, name: str) -> Object:
        """Read one object, live."""
        return await self._read(resource.path(namespace=namespace, name=name), query={})

    async def list(self, resource: Resource, query: Mapping[str, str], *, namespace: str | None = None) -> Object:
        """Read one page of a collection, over all namespaces where none is named."""
        return await self._read(resource.path(namespace=namespace), query=query)

    async def create(self, resource: Resource, *, namespace: str, body: Object) -> Object:
        """Create an object."""
        path = resource.path(namespace=namespace)
        return await self._request("POST", path, query={"fieldManager": FIELD_MANAGER}, body=body)

    async def replace(self, resource: Resource, body: Object) -> Object:
        """Replace an object that has not changed since it was read.

        Raises:
            ConflictError: when it has.
        """
        meta = body["metadata"]
        path = resource.path(namespace=meta["namespace"], name=meta["name"])
        return await self._request("PUT", path, query={"fieldManager": FIELD_MANAGER}, body=body)

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
            body=_as_yaml(body),
            content_type="application/apply-patch+yaml; charset=utf-8",
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

    async def delete(self, resource: Resource, obj: Object) -> None:
        """Delete an object that has not changed since it was read, its dependents after it.

        Raises:
            ConflictError: when it has, or when another of its name has taken its place.
        """
        meta = obj["metadata"]
        same = {name: meta[name] for name in ("uid", "resourceVersion")}
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": same}
        await self._request("DELETE", resource.path(namespace=meta["namespace"], name=meta["name"]), body=body)

    @contextlib.asynccontextmanager
    async def watch(
        self, resource: Resource, query: Mapping[str, str], *, idle: float, namespace: str | None = None
    ) -> AsyncIterator[AsyncIterator[Object]]:
        """Events of a collection. A stream that is silent for `idle` seconds ends with UnavailableError."""
        limit = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=idle)
        with _transport_errors():
            response = await self._open("GET", resource.path(namespace=namespace), query=query, limit=limit)
            try:
                if response.status >= 400:
                    raise _refusal(response, await response.read())
                yield _lines(response)
            finally:
                response.close()

    async def _read(self, path: str, *, query: Mapping[str, str]) -> Object:
        loop = asyncio.get_running_loop()
        ends = loop.time() + _READ_TIMEOUT
        retrying = AsyncRetrying(
            retry=retry_if_exception(_is_passing),
            stop=stop_after_attempt(_READ_TRIES) | stop_before_delay(_READ_TIMEOUT),
            wait=_pause,
            reraise=True,
        )
        async for attempt in retrying:
            with attempt:
                return await self._request("GET", path, query=query, seconds=max(0.001, ends - loop.time()))
        raise AssertionError("tenacity ends with a result or an error")

    async def _request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Object | str | None = None,
        content_type: str = "application/json",
        seconds: float = _WRITE_TIMEOUT,
    ) -> Object:
        with _transport_errors():
            # Not aiohttp's own total: a cancellation that comes at the moment in which that is over gets lost.
            async with asyncio.timeout(seconds):
                response = await self._open(
                    method, path, query=query or {}, body=body, content_type=content_type, limit=_NO_LIMIT
                )
                async with response:
                    raw = await response.read()
            if response.status >= 400:
                raise _refusal(response, raw)
            answer: Object = _READ.decode(raw)
            return answer

    async def _open(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str],
        limit: aiohttp.ClientTimeout,
        body: Object | str | None = None,
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
        if method != "GET" and not self._may_write():
            raise NotLeaderError(0, f"this process does not lead: {method} {path} was not sent")
        try:
            answer = await self._api.call_api(*request, _request_timeout=limit)
        except Exception:
            self._asked(method, "<error>")
            raise
        response: aiohttp.ClientResponse = answer.response
        self._asked(method, str(response.status))
        return response


@contextlib.contextmanager
def _transport_errors() -> Iterator[None]:
    try:
        yield
    except (aiohttp.ClientError, HttpProcessingError, TimeoutError, OSError, *_UNREADABLE) as error:
        raise UnavailableError(0, f"{type(error).__name__}: {error}") from error


async def _lines(response: aiohttp.ClientResponse) -> AsyncIterator[Object]:
    with _transport_errors():
        async for line in response.content:
            if line.strip():
                yield _READ.decode(line)


def _as_yaml(body: Object) -> str:
    """JSON that is the same in YAML, as which the API server reads what is applied.

    YAML does not know the halves in which JSON escapes an emoji, takes some characters for ends of lines and others for
    faults. Half a character, which nothing could read, becomes a question mark.
    """
    text = json.dumps(body, ensure_ascii=False).encode(errors="replace").decode()
    return _NOT_IN_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _is_passing(error: BaseException) -> bool:
    """Whether the same question may be answered when it is asked again."""
    return isinstance(error, UnavailableError) and (error.status in (0, 408, 429) or error.status >= 500)


def _pause(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    return _JITTER(state) + (error.retry_after if isinstance(error, ApiError) else 0.0)


def _refusal(response: aiohttp.ClientResponse, raw: bytes) -> ApiError:
    wait = response.headers.get("Retry-After", "")
    seconds = float(wait) if wait.isascii() and wait.isdigit() else 0.0
    return api_error(response.status, _message(raw), retry_after=seconds)


def _message(raw: bytes) -> str:
    """The server's own words, or the beginning of whatever a proxy in between answered."""
    try:
        message = json.loads(raw)["message"]
    except (ValueError, KeyError, TypeError):
        message = raw[:200].decode(errors="replace")
    return str(message)[:_MESSAGE]
