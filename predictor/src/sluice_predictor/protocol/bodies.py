"""Reading requests' bodies: each of bounded size, in bounded time, and all of them together in bounded memory.

Small bodies are always read. Those that grow beyond that share a fixed room: clients that send much and never end
cannot fill the memory, nor keep the others' small requests out.
"""

from __future__ import annotations

import asyncio
from typing import TypeVar

from sluice_predictor.protocol.errors import RequestError
from sluice_predictor.protocol.http import ClientGoneError, Headers, Receive, header
from sluice_predictor.protocol.request import MAX_BODY_BYTES

_SMALL_BYTES = 64 << 10
_ROOM_BYTES = 8 << 20

Body = TypeVar("Body", bytes, bytearray)


class BodyReader:
    """Reads the bodies of one server's requests."""

    def __init__(self, *, seconds: float) -> None:
        """Begin with an empty room.

        Args:
            seconds: longest time that a body may take to arrive.
        """
        self._seconds = seconds
        self._room = _ROOM_BYTES

    async def read(self, headers: Headers, receive: Receive) -> bytes | bytearray:
        """Read a request's body.

        Raises:
            RequestError: 408, 413, 415 or 429.
            ClientGoneError: the client hung up.
        """
        encoding = header(headers, b"content-encoding")
        if encoding not in ("", "identity"):
            problem = f"content-encoding: {encoding[:100]}: bodies are taken as they are, not compressed"
            raise RequestError(415, "unsupported_encoding", problem, field="content-encoding")
        length = header(headers, b"content-length")
        if length.isdecimal() and int(length[:20]) > MAX_BODY_BYTES:
            raise _too_large()
        try:
            async with asyncio.timeout(self._seconds):
                return await self._read(receive)
        except TimeoutError as error:
            problem = f"the body was not there after {self._seconds:g} seconds"
            raise RequestError(408, "body_timeout", problem) from error

    async def _read(self, receive: Receive) -> bytes | bytearray:
        message = await receive()
        if message["type"] == "http.request" and not message.get("more_body", False):
            whole: bytes = message.get("body", b"")
            return _checked(whole)
        body = bytearray()
        taken = 0
        try:
            while True:
                if message["type"] == "http.disconnect":
                    raise ClientGoneError
                body += message.get("body", b"")
                _checked(body)
                if not message.get("more_body", False):
                    return body
                if len(body) > _SMALL_BYTES:
                    taken += self._take(len(body) - taken)
                message = await receive()
        finally:
            self._room += taken

    def _take(self, size: int) -> int:
        if size > self._room:
            problem = "too many large bodies are on their way; try again later"
            raise RequestError(429, "too_many_large_bodies", problem, retry_after=1)
        self._room -= size
        return size


def _checked(body: Body) -> Body:
    if len(body) > MAX_BODY_BYTES:
        raise _too_large()
    return body


def _too_large() -> RequestError:
    return RequestError(413, "body_too_large", f"the body is larger than {MAX_BODY_BYTES} bytes")
