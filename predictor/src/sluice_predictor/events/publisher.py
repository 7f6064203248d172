"""Takes records of answered requests and sends them on in batches, in the background.

`publish` never waits and never fails. What waits is bounded, and so is every attempt to send: when nobody takes the
events, or not fast enough, they are dropped and counted.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from contextlib import suppress
from typing import Any, Protocol

from sluice_predictor.events.record import Origin, Record, to_events
from sluice_predictor.events.sinks import Sink, SinkError

_BATCH_EVENTS = 200
_LINGER_SECONDS = 0.5
_RETRY_SECONDS = (0.2, 1.0)

log = logging.getLogger(__name__)


class Observer(Protocol):
    """Told what became of the events."""

    def events_sent(self, events: int) -> None:
        """So many were taken."""

    def events_dropped(self, events: int) -> None:
        """So many are lost."""


class Publisher:
    """The stream of one server's prediction events; use it from one event loop."""

    def __init__(self, sink: Sink, *, origin: Origin, observer: Observer, max_waiting: int = 10_000) -> None:
        """Prepare; nothing is sent before `start`.

        Args:
            sink: takes the batches.
            origin: the version that all events are about.
            observer: told how many were sent and dropped.
            max_waiting: events that may wait; a request's that do not all fit are dropped together.
        """
        self._sink = sink
        self._origin = origin
        self._observer = observer
        self._max_waiting = max_waiting
        self._records: deque[Record] = deque()
        self._waiting = 0
        self._closing = False
        self._failing = False
        self._some = asyncio.Event()
        self._enough = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to send, on the running event loop."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="prediction-events")

    def publish(self, record: Record) -> None:
        """Take a record, or drop it if too many wait."""
        size = len(record.predictions)
        if self._closing or self._waiting + size > self._max_waiting:
            self._observer.events_dropped(size)
            return
        self._records.append(record)
        self._waiting += size
        self._some.set()
        if self._waiting >= _BATCH_EVENTS:
            self._enough.set()

    async def close(self, *, seconds: float) -> None:
        """Send what waits for at most so many seconds, and drop the rest."""
        self._closing = True
        self._some.set()
        self._enough.set()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=seconds)
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        self._observer.events_dropped(sum(len(record.predictions) for record in self._records))
        self._records.clear()
        await self._sink.close()

    async def _run(self) -> None:
        while True:
            await self._some.wait()
            if not self._records:
                return  # closing, and all is sent
            with suppress(TimeoutError):
                await asyncio.wait_for(self._enough.wait(), _LINGER_SECONDS)
            await self._send(self._take())

    def _take(self) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = []
        while self._records and len(events) < _BATCH_EVENTS:
            record = self._records.popleft()
            self._waiting -= len(record.predictions)
            events += to_events(record, self._origin)
        if not self._closing:
            if not self._records:
                self._some.clear()
            if self._waiting < _BATCH_EVENTS:
                self._enough.clear()
        return events

    async def _send(self, events: list[dict[str, Any]]) -> None:
        taken = False
        try:
            taken = await self._try(events)
        finally:
            (self._observer.events_sent if taken else self._observer.events_dropped)(len(events))

    async def _try(self, events: list[dict[str, Any]]) -> bool:
        for pause in (*_RETRY_SECONDS, None):
            try:
                await self._sink.send(events)
            except SinkError as error:
                self._note_failure(error)
                if pause is None or not error.transient:
                    return False
                await asyncio.sleep(pause)
            else:
                self._failing = False
                return True
        return False

    def _note_failure(self, error: SinkError) -> None:
        if not self._failing:
            log.warning("prediction events are not taken: %s", error)
        self._failing = True
