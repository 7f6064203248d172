"""A client that keeps sending: open loop, at a steady rate, with no second try, and with a record of every answer.

Open loop means that a slow answer does not slow the sending down, as with many independent clients. It is
bounded all the same: in requests in flight, in requests in all and, by its owner's `stop`, in time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import aiohttp

from hack.demo.record import Answer

VERSION_HEADER = "x-model-version"
UPSTREAM_HEADER = "x-envoy-upstream-service-time"
"""Envoy adds it to what a version answered. The version's name it adds to answers of its own as well."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where requests go, and how many of them.

    Attributes:
        rate: Requests sent each second.
        in_flight: Most requests waiting for their answers; what would exceed it is held back and counted.
        requests: Most requests in all.
        timeout: Seconds after which a request counts as failed; generous, because a slow answer is an answer.
    """

    url: str
    host: str
    rate: float = 35.0
    in_flight: int = 256
    requests: int = 60_000
    timeout: float = 10.0


class Traffic:
    """Sends one text after another from `start` to `stop`; also an asynchronous context manager."""

    def __init__(self, target: Target, texts: Iterator[str]) -> None:
        self.target = target
        self.answers: list[Answer] = []
        self.held_back = 0
        self._texts = texts
        self._flying: set[asyncio.Task[None]] = set()
        self._sender: asyncio.Task[None] | None = None
        self._session: aiohttp.ClientSession | None = None
        self._answered = asyncio.Condition()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            for task in self._flying:
                task.cancel()
        await self.stop()

    def start(self) -> None:
        """Begin to send; a second call does nothing."""
        if self._sender is None:
            self._sender = asyncio.create_task(self._send())

    async def stop(self) -> None:
        """Send no more and wait for the answers that are under way; a second call does nothing."""
        if self._sender is not None:
            self._sender.cancel()
            await asyncio.gather(self._sender, return_exceptions=True)
        await asyncio.gather(*self._flying, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def probe(self) -> Answer:
        """One request that is not part of the record: does anything answer yet?"""
        return await self._ask(next(self._texts))

    async def more(self, count: int) -> None:
        """Wait until `count` more answers have come in."""
        goal = len(self.answers) + count
        async with self._answered:
            await self._answered.wait_for(lambda: len(self.answers) >= goal)

    async def _send(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        for text, _ in zip(self._texts, range(self.target.requests), strict=False):
            await asyncio.sleep(due - loop.time())
            due += 1 / self.target.rate
            if len(self._flying) >= self.target.in_flight:
                self.held_back += 1
                continue
            task = asyncio.create_task(self._record(text))
            self._flying.add(task)
            task.add_done_callback(self._flying.discard)

    async def _record(self, text: str) -> None:
        answer = await self._ask(text)
        async with self._answered:
            self.answers.append(answer)
            self._answered.notify_all()

    async def _ask(self, text: str) -> Answer:
        sent_at, began = time.time(), time.monotonic()
        status, version, error, by_gateway = 0, None, "", False
        try:
            async with self._client().post(
                self.target.url, json={"instances": [text]}, headers={"Host": self.target.host}
            ) as response:
                version = response.headers.get(VERSION_HEADER)
                by_gateway = response.headers.get("server") == "envoy" and UPSTREAM_HEADER not in response.headers
                body = await response.text()
                status = response.status
                error = "" if status == 200 else " ".join(body.split())[:200]
        except (aiohttp.ClientError, TimeoutError) as failure:
            error = str(failure) or type(failure).__name__
        return Answer(
            sent_at=sent_at,
            latency=time.monotonic() - began,
            status=status,
            version=version,
            error=error,
            by_gateway=by_gateway,
        )

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=self.target.timeout),
                connector=aiohttp.TCPConnector(limit=0),
            )
        return self._session
