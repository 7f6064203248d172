"""The workers: they take models from the queue and reconcile them, a model by one worker at a time.

An error never ends a worker: the model comes again, later each time, and all others go on. What was decided before the
error still has its time: a hold ends and a drain is over whatever could not be written. Some workers do nothing but
what is urgent, and those never wait for the pace of writes.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from ..kube.errors import ApiError, ConflictError
from ..kube.pace import Pace
from ..kube.reflector import Key
from ..kube.workqueue import WorkQueue
from . import logs
from .recording import UnrecordedError
from .runtime_metrics import RuntimeMetrics

log = logging.getLogger(__name__)

LookAgain = Callable[[datetime | None], None]
"""Told when a reconcile wants to look again, if nothing happens before."""

_ORDINARY, _URGENT = 4, 4
WORKERS = _ORDINARY + _URGENT
_RECONCILE_SECONDS = 60.0
_STUCK_SECONDS = 180.0
_SOONEST = 1.0
"""Seconds before a model that failed is looked at again because it wanted to be, if that time has come by then."""
_LONGEST_WAIT = 10.0
"""Seconds for which an API server may ask a model to wait; what Prometheus sees meanwhile does not wait for that."""


class Workers:
    """All workers of one queue."""

    def __init__(
        self,
        *,
        queue: WorkQueue[Key],
        reconcile: Callable[[Key, LookAgain], Awaitable[None]],
        pace: Pace,
        metrics: RuntimeMetrics,
    ) -> None:
        """Reconcile what a queue gives out; a reconcile says, as soon as it knows, when it wants to look again."""
        self._pace = pace
        self._queue = queue
        self._reconcile = reconcile
        self._metrics = metrics

    async def run(self, *, prepared: Callable[[], Awaitable[None]]) -> None:
        """Work until the queue is closed and what was begun is finished.

        Args:
            prepared: Waits until more may be done than what is urgent, which waits for nothing.
        """
        async with asyncio.TaskGroup() as group:
            for _ in range(_URGENT):
                group.create_task(self._work(self._next_urgent))
            await prepared()
            for _ in range(_ORDINARY):
                group.create_task(self._work(self._next))

    def stuck(self) -> bool:
        """Whether a reconcile hangs although it should have been cut off long ago."""
        return max(self._queue.working(), default=0.0) > _STUCK_SECONDS

    async def _next(self) -> Key | None:
        await self._pace.keep()
        return await self._queue.take()

    async def _next_urgent(self) -> Key | None:
        return await self._queue.take(urgent=True)

    async def _work(self, take: Callable[[], Awaitable[Key | None]]) -> None:
        while (key := await take()) is not None:
            try:
                with logs.about(namespace=key[0], model=key[1]), self._metrics.reconciling():
                    result = await self._once(key)
            finally:
                self._queue.done(key)
            self._metrics.reconciled(result)
            # A reconcile that writes nothing never waits, and others must have their turn: the lease above all.
            await asyncio.sleep(0)

    async def _once(self, key: Key) -> str:
        """One reconcile, and when to look again."""
        asked_to_wait = 0.0
        wake_at: datetime | None = None

        def look_again(at: datetime | None) -> None:
            nonlocal wake_at
            wake_at = at

        try:
            async with asyncio.timeout(_RECONCILE_SECONDS):
                await self._reconcile(key, look_again)
        except ConflictError:
            pass  # something changed since it was read: the usual way to learn of it
        except (ApiError, UnrecordedError, TimeoutError) as error:
            asked_to_wait = error.retry_after if isinstance(error, ApiError) else 0.0
            log.warning("%s", str(error) or f"not finished in {_RECONCILE_SECONDS:.0f} s")
        except Exception:
            log.exception("a reconcile failed")
        else:
            self._queue.forget(key)
            if wake_at is None:
                return "success"
            self._queue.add_after(key, _seconds_until(wake_at))
            return "requeue_after"
        at_least = min(asked_to_wait, _LONGEST_WAIT)
        self._queue.add_failed(key, at_least=at_least)
        if wake_at is not None:
            self._queue.add_after(key, max(_seconds_until(wake_at), at_least, _SOONEST))
        return "error"


def _seconds_until(at: datetime) -> float:
    return (at - datetime.now(UTC)).total_seconds()
