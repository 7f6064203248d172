"""The server's end of the sockets to the engine's process, one for each slot.

The link closes when the process dies, and is closed when a batch takes so long that the process must be stuck.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Sequence
from typing import cast

from sluice_predictor.engine.channel import Inbox, Load, Loaded, LoadFailed, Message, Ran, Run, encode

log = logging.getLogger(__name__)


class Link:
    """A conversation with one process."""

    def __init__(self, *, on_ran: Callable[[int, Ran], None], stuck_after: float) -> None:
        """Wait for the connections.

        Args:
            on_ran: told of each batch that has run, and in which slot.
            stuck_after: seconds that a batch may take.
        """
        self._loop = asyncio.get_running_loop()
        self._on_ran = on_ran
        self._stuck_after = stuck_after
        self._slots: list[_Slot] = []
        self._timers: dict[int, asyncio.TimerHandle] = {}
        self.loaded: asyncio.Future[Loaded | LoadFailed | None] = self._loop.create_future()
        """What became of the loading; None when the process died over it."""
        self.closed: asyncio.Future[None] = self._loop.create_future()
        """Done when the process can be talked to no more."""

    @classmethod
    async def over(
        cls, ends: Sequence[socket.socket], *, on_ran: Callable[[int, Ran], None], stuck_after: float
    ) -> Link:
        """Talk over these sockets."""
        link = cls(on_ran=on_ran, stuck_after=stuck_after)
        for number, end in enumerate(ends):
            slot = _Slot(number, on_message=link._received, on_lost=link._lost)
            await link._loop.create_unix_connection(lambda slot=slot: slot, sock=end)  # type: ignore[misc]
            link._slots.append(slot)
        return link

    def load(self, load: Load) -> None:
        """Say which version to load; `loaded` tells the outcome."""
        self._slots[0].send(load)

    def run(self, slot: int, run: Run) -> None:
        """Send a batch to a slot that has none."""
        self._timers[slot] = self._loop.call_later(self._stuck_after, self._stuck)
        self._slots[slot].send(run)

    def close(self) -> None:
        """Stop talking; the process ends itself then."""
        for slot in self._slots:
            slot.abort()

    def _received(self, slot: int, message: Message) -> None:
        if isinstance(message, Ran):
            self._timers.pop(slot).cancel()
            self._on_ran(slot, message)
        elif isinstance(message, Loaded | LoadFailed) and not self.loaded.done():
            self.loaded.set_result(message)

    def _lost(self) -> None:
        self.close()
        for timer in self._timers.values():
            timer.cancel()
        if not self.loaded.done():
            self.loaded.set_result(None)
        if not self.closed.done():
            self.closed.set_result(None)

    def _stuck(self) -> None:
        log.error("the engine has not answered a batch for %g s; it is taken for stuck", self._stuck_after)
        self.close()


class _Slot(asyncio.Protocol):
    """One socket."""

    def __init__(self, number: int, *, on_message: Callable[[int, Message], None], on_lost: Callable[[], None]) -> None:
        self._number = number
        self._on_message = on_message
        self._on_lost = on_lost
        self._inbox = Inbox()
        self._transport: asyncio.Transport

    def send(self, message: Message) -> None:
        # A process that is gone already is told nothing; its end is being reported.
        if not self._transport.is_closing():
            self._transport.write(encode(message))

    def abort(self) -> None:
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._inbox.feed(data)
        while (message := self._inbox.take()) is not None:
            self._on_message(self._number, message)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # the base class' signature
        self._on_lost()
