"""Where events go: standard output, a line each, or a URL, many in one POST.

A sink is asked to send one batch at a time and may take its time: nobody waits for it but the publisher.
"""

from __future__ import annotations

import asyncio
import queue
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO, Protocol
from urllib.parse import urlsplit

import httpx
import orjson

_SECONDS = 5.0
_MAX_RESPONSE_BYTES = 64 << 10
_TRANSIENT = (408, 425, 429)

Event = Mapping[str, Any]


class SinkError(Exception):
    """A batch was not taken; `transient` if the same batch may be taken later."""

    def __init__(self, message: str, *, transient: bool) -> None:
        """Say why, without secrets."""
        super().__init__(message)
        self.transient = transient


class Sink(Protocol):
    """Takes events away."""

    async def send(self, events: Sequence[Event]) -> None:
        """Deliver a batch.

        Raises:
            SinkError: it was not taken.
        """

    async def close(self) -> None:
        """Let go of connections."""


def open_sink(destination: str) -> Sink:
    """Make the sink for `stdout` or an http(s) URL.

    Raises:
        ValueError: it is neither; the message is for whoever wrote it.
    """
    if destination == "stdout":
        return StdoutSink(sys.stdout.buffer)
    parts = urlsplit(destination)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("expected stdout, or a URL that begins with http:// or https://")
    if parts.username is not None or parts.fragment:
        raise ValueError("the URL must have neither a user nor a fragment")
    return HttpSink(destination)


class StdoutSink:
    """Writes JSON lines, in a thread of its own: a pipe that nobody reads must stop nobody else."""

    def __init__(self, output: BinaryIO) -> None:
        """Begin to write to `output`."""
        self._output = output
        self._lines: queue.SimpleQueue[tuple[bytes, asyncio.AbstractEventLoop, asyncio.Future[None]]]
        self._lines = queue.SimpleQueue()
        threading.Thread(target=self._write, name="events", daemon=True).start()

    async def send(self, events: Sequence[Event]) -> None:
        """Write a line for each event."""
        loop = asyncio.get_running_loop()
        written: asyncio.Future[None] = loop.create_future()
        self._lines.put((b"".join(orjson.dumps(event) + b"\n" for event in events), loop, written))
        await written

    async def close(self) -> None:
        """Leave standard output to the process."""

    def _write(self) -> None:
        while True:
            lines, loop, written = self._lines.get()
            error: SinkError | None = None
            try:
                self._output.write(lines)
                self._output.flush()
            except (OSError, ValueError) as problem:
                error = SinkError(f"standard output: {problem}", transient=False)
            try:
                loop.call_soon_threadsafe(_settle, written, error)
            except RuntimeError:
                return  # the loop has closed, and with it whoever waited


def _settle(future: asyncio.Future[None], error: SinkError | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)


class HttpSink:
    """Posts batches in CloudEvents' batched JSON format; follows no redirect, and no proxy out of the environment."""

    def __init__(self, url: str) -> None:
        """Prepare; nothing is connected yet."""
        self._url = url
        self._host = urlsplit(url).netloc
        self._client = httpx.AsyncClient(
            timeout=_SECONDS,
            follow_redirects=False,
            trust_env=False,
            limits=httpx.Limits(max_connections=1),
            headers={"content-type": "application/cloudevents-batch+json; charset=utf-8", "user-agent": "sluice"},
        )

    async def send(self, events: Sequence[Event]) -> None:
        """Post a batch; any 2xx means that it was taken."""
        try:
            async with (
                asyncio.timeout(_SECONDS),
                self._client.stream("POST", self._url, content=orjson.dumps(events)) as response,
            ):
                await _skim(response)
        except (httpx.HTTPError, TimeoutError) as error:
            raise SinkError(f"{self._host}: {type(error).__name__}: {error}", transient=True) from error
        status = response.status_code
        if not 200 <= status < 300:
            transient = status >= 500 or status in _TRANSIENT
            raise SinkError(f"{self._host}: answered {status}", transient=transient)

    async def close(self) -> None:
        """Close the connection."""
        await self._client.aclose()


async def _skim(response: httpx.Response) -> None:
    """Read a short answer, so that its connection can be used again, and no more of a long one."""
    received = 0
    async for part in response.aiter_raw():
        received += len(part)
        if received > _MAX_RESPONSE_BYTES:
            return
