"""The server's end of the socket to the engine's process.

The link closes when the process dies, and is closed when a batch takes so long that the process must be stuck.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import cast

from sluice_predictor.engine.channel import Decoder, Load, Loaded, LoadFailed, Message, Ran, Run, encode

log = logging.getLogger(__name__)


class Link(asyncio.Protocol):
    """A conversation with one process."""

    def __init__(self, *, on_ran: Callable[[Ran], None], stuck_after: float) -> None:
        """Wait for the connection.

        Args:
            on_ran: told of each batch that has run.
            stuck_after: seconds that a batch may take.
        """
        self._loop = asyncio.get_running_loop()
        self._on_ran = on_ran
        self._stuck_after = stuck_after
        self._decoder = Decoder()
        self._timers: dict[int, asyncio.TimerHandle] = {}
        self._transport: asyncio.Transport
        self.loaded: asyncio.Future[Loaded | LoadFailed | None] = self._loop.create_future()
        """What became of the loading; None when the process died over it."""
        self.closed: asyncio.Future[None] = self._loop.create_future()
        """Done when the process can be talked to no more."""

    @classmethod
    async def over(cls, end: socket.socket, *, on_ran: Callable[[Ran], None], stuck_after: float) -> Link:
        """Talk over this socket."""
        loop = asyncio.get_running_loop()
        _, link = await loop.create_unix_connection(lambda: cls(on_ran=on_ran, stuck_after=stuck_after), sock=end)
        return link

    def load(self, load: Load) -> None:
        """Say which version to load; `loaded` tells the outcome."""
        self._send(load)

    def run(self, run: Run) -> None:
        """Send a batch."""
        self._timers[run.number] = self._loop.call_later(self._stuck_after, self._stuck)
        self._send(run)

    def close(self) -> None:
        """Stop talking; the process ends itself then."""
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        for message in self._decoder.feed(data):
            if isinstance(message, Ran):
                self._timers.pop(message.number).cancel()
                self._on_ran(message)
            elif isinstance(message, Loaded | LoadFailed) and not self.loaded.done():
                self.loaded.set_result(message)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # the base class' signature
        for timer in self._timers.values():
            timer.cancel()
        if not self.loaded.done():
            self.loaded.set_result(None)
        if not self.closed.done():
            self.closed.set_result(None)

    def _send(self, message: Message) -> None:
        self._transport.write(encode(message))

    def _stuck(self) -> None:
        log.error("the engine has not answered a batch for %g s; it is taken for stuck", self._stuck_after)
        self.close()
