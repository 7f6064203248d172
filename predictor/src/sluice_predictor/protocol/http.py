"""The few things about HTTP that inference needs, straight on ASGI: frameworks cost more than a small model."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from sluice_predictor.metrics import Protocol
from sluice_predictor.protocol.errors import RequestError
from sluice_predictor.protocol.request import MAX_BODY_BYTES

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Header = tuple[bytes, bytes]

_V1_PATH = re.compile(r"/v1/models/([^/]+):predict")
_V2_PATH = re.compile(r"/v2/models/([^/]+)(?:/versions/([^/]+))?/infer")


class ClientGoneError(Exception):
    """The client hung up before it had sent its request."""


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


def header(scope: Scope, name: bytes) -> str:
    """Return a request header's value, empty if there is none; `name` is in lower case."""
    for key, value in scope["headers"]:
        if key == name:
            return bytes(value).decode("latin-1")
    return ""


async def read_body(scope: Scope, receive: Receive) -> bytes:
    """Read a request's body, never holding more than the limit.

    Raises:
        RequestError: 413.
        ClientGoneError: the client hung up.
    """
    length = header(scope, b"content-length")
    if length.isdecimal() and int(length[:20]) > MAX_BODY_BYTES:
        raise _too_large()
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        body += message.get("body", b"")
        if len(body) > MAX_BODY_BYTES:
            raise _too_large()
        if not message.get("more_body", False):
            return bytes(body)


def _too_large() -> RequestError:
    return RequestError(413, f"the body is larger than {MAX_BODY_BYTES} bytes")


@dataclass(frozen=True, slots=True)
class Response:
    """An answer in JSON."""

    status: int
    body: bytes
    headers: tuple[Header, ...] = ()

    @classmethod
    def refusal(cls, error: RequestError) -> Response:
        """Make the answer that tells the client of an error."""
        headers: tuple[Header, ...] = ()
        if error.retry_after is not None:
            headers = ((b"retry-after", str(error.retry_after).encode()),)
        if error.status == 413:
            # The rest of the body is not worth reading.
            headers = (*headers, (b"connection", b"close"))
        return cls(status=error.status, body=error.body(), headers=headers)

    async def send(self, send: Send) -> None:
        """Send the answer as a whole."""
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(self.body)).encode()),
            *self.headers,
        ]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})
