"""HTTP connections with an end: uvicorn's server, and a client that takes for ever costs it nothing.

Uvicorn limits only how long a connection may be idle after an answer. Here a connection is also closed when it never
asks anything, when a request does not arrive as a whole in time, or when its answer is not read.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections.abc import Awaitable, Callable
from types import FrameType
from typing import Any, cast

import orjson
import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

RECEIVE_SECONDS = 20.0
"""How long a client may take to send a request, or to read its answer."""

MAX_HEAD_BYTES = 64 << 10
"""What a client may send beside bodies before a request is complete: the parser itself keeps any header whole."""


class JoinedWrites:
    """A transport by which an answer's head leaves together with its body: one system call and one packet for both."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        """Write to `transport`; what is not followed by more is written in the next turn of the loop."""
        self._transport = transport
        self._loop = loop
        self._held = b""
        self._later: asyncio.Handle | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Hold the first piece back, and write the second one with it."""
        if self._later is None:
            self._held = data
            self._later = self._loop.call_soon(self._flush)
        else:
            self._held += data
            self._flush()

    def close(self) -> None:
        """Close when everything is written."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._later is not None:
            self._later.cancel()
            self._later = None
            self._transport.write(self._held)


class Connection(HttpToolsProtocol):
    """A connection whose client must not keep the server waiting."""

    _receiving: asyncio.TimerHandle | None = None
    _writing: asyncio.TimerHandle | None = None
    _head_bytes_left = MAX_HEAD_BYTES

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(cast("asyncio.Transport", JoinedWrites(transport, self.loop)))
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def data_received(self, data: bytes) -> None:
        self._head_bytes_left -= len(data)
        super().data_received(data)
        if self._head_bytes_left < 0 and not self.transport.is_closing():
            self._give_up(431, "headers_too_large", f"more than {MAX_HEAD_BYTES} bytes of headers")
            return
        # Mostly a request arrives in one piece, and no timer is needed.
        if self._receiving is None and self._is_clients_turn():
            self._receiving = self.loop.call_later(RECEIVE_SECONDS, self._too_slow)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_bytes_left = MAX_HEAD_BYTES

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        # What frames a chunk is no more than the chunk, but for very small ones.
        self._head_bytes_left += 2 * len(body)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._stop_receiving()

    def on_response_complete(self) -> None:
        self._stop_receiving()
        super().on_response_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._writing = self.loop.call_later(RECEIVE_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        self._stop_writing()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_receiving()
        self._stop_writing()
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def _stop_receiving(self) -> None:
        if self._receiving is not None:
            self._receiving.cancel()
            self._receiving = None

    def _stop_writing(self) -> None:
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None

    def _is_clients_turn(self) -> bool:
        """Whether the server waits for the rest of a request, or for the first of it."""
        if self.transport.is_closing():
            return False
        return self.cycle is None or self.cycle.more_body or self.cycle.response_complete

    def _too_slow(self) -> None:
        self._give_up(408, "request_timeout", "the request did not arrive in time")

    def _give_up(self, status: int, code: str, message: str) -> None:
        """Hang up, with a refusal unless another answer has begun."""
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            self._refuse(status, code, message)
        self.transport.close()

    def send_400_response(self, msg: str) -> None:
        self._refuse(400, "invalid_http", msg)

    def _refuse(self, status: int, code: str, message: str) -> None:
        """Answer what never became a request, and hang up."""
        body = orjson.dumps({"error": message, "code": code})
        head = b"content-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(body)
        self.transport.write(STATUS_LINE[status] + head + body)
        self.transport.close()


class HttpServer(uvicorn.Server):
    """Uvicorn that goes on serving for a while after SIGTERM."""

    def __init__(
        self,
        config: uvicorn.Config,
        *,
        lameduck: float,
        on_leaving: Callable[[], None],
        on_closing: Callable[[], Awaitable[None]],
    ) -> None:
        """Prepare; nothing listens yet.

        Args:
            config: uvicorn's.
            lameduck: seconds for which everything is still served after SIGTERM.
            on_leaving: called at SIGTERM, to say not ready.
            on_closing: awaited while what is in flight finishes, after the last connection was taken.
        """
        super().__init__(config)
        self._lameduck = lameduck
        self._on_leaving = on_leaving
        self._on_closing = on_closing
        self._leave_at: float | None = None

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await asyncio.gather(super().shutdown(sockets), self._on_closing())

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002  # the base class' signature
        if sig == signal.SIGTERM and self._leave_at is None:
            self._on_leaving()
            self._leave_at = time.monotonic() + self._lameduck
        elif self.should_exit:
            self.force_exit = True
        else:
            self.should_exit = True

    async def on_tick(self, counter: int) -> bool:
        if self._leave_at is not None and time.monotonic() >= self._leave_at:
            self.should_exit = True
        return await super().on_tick(counter)
