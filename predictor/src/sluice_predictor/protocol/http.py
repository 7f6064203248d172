"""The few things about HTTP that inference needs, straight on ASGI: frameworks cost more than a small model."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sluice_predictor.metrics import Protocol
from sluice_predictor.protocol.errors import RequestError
from sluice_predictor.protocol.request import MAX_ID_CHARACTERS

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Header = tuple[bytes, bytes]
Headers = Mapping[bytes, bytes]

_V1_PATH = re.compile(r"/v1/models/([^/]+):predict")
_V2_PATH = re.compile(r"/v2/models/([^/]+)(?:/versions/([^/]+))?/infer")
_REQUEST_ID = re.compile(rf"[!-~]{{1,{MAX_ID_CHARACTERS}}}")
_MILLISECONDS = re.compile(r"[0-9]{1,9}")
_LINGER_SECONDS = 2.0


class ClientGoneError(Exception):
    """The client hung up before it had its answer."""


@dataclass(frozen=True, slots=True)
class Target:
    """Which model, and with V2 perhaps which version of it, an inference request is for."""

    protocol: Protocol
    model: str
    version: str | None = None


def inference_target(path: str) -> Target | None:
    """Read an inference request's path; None for a path of any other kind."""
    if match := _V1_PATH.fullmatch(path):
        return Target(protocol=Protocol.V1, model=match[1])
    if match := _V2_PATH.fullmatch(path):
        return Target(protocol=Protocol.V2, model=match[1], version=match[2])
    return None


def header(headers: Headers, name: bytes) -> str:
    """Return a request header's value, empty if there is none; `name` is in lower case."""
    value = headers.get(name)
    return "" if value is None else value.decode("latin-1")


def valid_request_id(value: str) -> str | None:
    """Return a client's request id if it can be sent on as it is: visible ASCII, at most 128 characters."""
    return value if _REQUEST_ID.fullmatch(value) else None


def request_seconds(headers: Headers, *, longest: float) -> float:
    """Return how many seconds a request may take: what Envoy says that it waits for, at most `longest`."""
    value = header(headers, b"x-envoy-expected-rq-timeout-ms")
    # Envoy writes 0 where it waits for ever.
    milliseconds = int(value) if value and _MILLISECONDS.fullmatch(value) else 0
    return min(longest, milliseconds / 1000) if milliseconds else longest


@dataclass(frozen=True, slots=True)
class Response:
    """An answer, in JSON unless its headers say otherwise; after `lingering` ones the connection is closed."""

    status: int
    body: bytes
    headers: tuple[Header, ...] = ()
    content_type: bytes = b"application/json"
    lingering: bool = False

    @classmethod
    def refusal(cls, error: RequestError, *, request_id: str) -> Response:
        """Make the answer that tells the client of an error."""
        headers: tuple[Header, ...] = ()
        if error.retry_after is not None:
            headers = ((b"retry-after", str(error.retry_after).encode()),)
        if error.allow is not None:
            headers = (*headers, (b"allow", error.allow.encode()))
        # The rest of such a body is not worth reading.
        lingering = error.status in (408, 413, 429)
        return cls(status=error.status, body=error.body(request_id=request_id), headers=headers, lingering=lingering)

    async def send(self, send: Send, receive: Receive, *stamps: Header) -> None:
        """Send the answer as a whole, with the headers that every answer has."""
        headers = [
            (b"content-type", self.content_type),
            (b"content-length", str(len(self.body)).encode()),
            *self.headers,
            *stamps,
        ]
        if self.lingering:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        if not self.lingering:
            await send({"type": "http.response.body", "body": self.body})
            return
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        await _discard_body(receive)
        await send({"type": "http.response.body", "body": b""})


async def _discard_body(receive: Receive) -> None:
    """Let the client see its answer: closing on bytes that were not read would reset the connection."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_LINGER_SECONDS):
            while (message := await receive())["type"] == "http.request" and message.get("more_body", False):
                pass
