"""An answer is given up when its client hangs up, so that nobody's forward pass is spent on it.

Only a request that really waits is worth looking after: the look costs a task, more than a small model's answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar, cast

from sluice_predictor.protocol.http import ClientGoneError, Receive

PATIENCE_SECONDS = 0.05

T = TypeVar("T")


async def unless_client_goes(answer: Awaitable[T], receive: Receive) -> T:
    """Await an answer; cancel it when the client hangs up.

    Args:
        answer: what the client waits for.
        receive: the request's; its body has been read to the end.

    Raises:
        ClientGoneError: the client hung up.
    """
    watch = _Watch(receive)
    timer = asyncio.get_running_loop().call_later(PATIENCE_SECONDS, watch.start)
    try:
        return await answer
    except asyncio.CancelledError:
        if watch.client_gone and watch.waiting.uncancel() == 0:
            raise ClientGoneError from None
        raise
    finally:
        timer.cancel()
        watch.stop()


class _Watch:
    __slots__ = ("_receive", "_task", "client_gone", "waiting")

    def __init__(self, receive: Receive) -> None:
        # A coroutine that runs is always a task's.
        self.waiting = cast("asyncio.Task[object]", asyncio.current_task())
        self.client_gone = False
        self._receive = receive
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._look())

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _look(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.client_gone = True
        self.waiting.cancel()
