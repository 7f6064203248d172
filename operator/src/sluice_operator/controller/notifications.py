"""Tells people outside of the cluster what Events tell within it. Telling never delays or fails what it tells of.

Each destination has a bounded queue and a task of its own, so that one that is away holds up no other. Where it stays
away the oldest notices are dropped, and counted. What an operator has not sent when it ends is not sent by the next:
Events have the same, and outlive it.
"""

import asyncio
import logging
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from enum import StrEnum

import aiohttp
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    stop_after_delay,
    wait_random_exponential,
)

from ..api.status import ModelVersionStatus
from ..kube.gateway import Object
from ..rollout.transitions import Transition
from .notices import Notice
from .webhook import Destination, PassingError, UndeliveredError, post

log = logging.getLogger(__name__)

WAITING = 200
"""Notices that wait for one destination at most."""
_TRIED_SECONDS = 600.0
_JITTER = wait_random_exponential(multiplier=1, max=60)


class Outcome(StrEnum):
    """What became of a notice."""

    DELIVERED = "delivered"
    FAILED = "failed"
    DROPPED = "dropped"


class Notifications:
    """All destinations."""

    def __init__(
        self,
        destinations: Sequence[Destination],
        *,
        count: Callable[[str, Outcome], None],
        wait: Callable[[RetryCallState], float] = _JITTER,
        tried_seconds: float = _TRIED_SECONDS,
    ) -> None:
        """Tell these destinations.

        Args:
            destinations: Where notices go.
            count: Is told the destination's name and what became of each notice.
            wait: Seconds before another try, as tenacity asks; a receiver may ask for more.
            tried_seconds: How long a notice is tried.
        """
        self._mailboxes = [_Mailbox(one, count=count, wait=wait, tried_seconds=tried_seconds) for one in destinations]

    def tell(self, about: Object, told: Transition, status: ModelVersionStatus) -> None:
        """Tell of a change of a ModelVersion's status, without waiting."""
        if not self._mailboxes:
            return
        meta, spec = about["metadata"], about["spec"]
        notice = Notice(
            id=f"msg_{uuid.uuid4().hex}",
            at=datetime.now(UTC),
            kind=told.kind,
            reason=told.reason,
            message=told.note,
            namespace=meta["namespace"],
            name=meta["name"],
            model=str(spec.get("model")),
            version=str(spec.get("version")),
            phase=str(status.phase or ""),
            attempt=status.attempt or 1,
        )
        for mailbox in self._mailboxes:
            if mailbox.destination.wants(notice.reason):
                mailbox.put(notice)

    async def run(self) -> None:
        """Send for ever."""
        # No cookies: what one answer says is not told to the next.
        async with (
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False) as session,
            asyncio.TaskGroup() as group,
        ):
            for mailbox in self._mailboxes:
                group.create_task(mailbox.run(session))
            await asyncio.Event().wait()

    async def flush(self) -> None:
        """Wait until nothing waits any more."""
        await asyncio.gather(*(mailbox.flush() for mailbox in self._mailboxes))


class _Mailbox:
    """What waits for one destination."""

    def __init__(
        self,
        destination: Destination,
        *,
        count: Callable[[str, Outcome], None],
        wait: Callable[[RetryCallState], float],
        tried_seconds: float,
    ) -> None:
        self.destination = destination
        self._count = count
        self._wait = wait
        self._tried_seconds = tried_seconds
        self._queue: asyncio.Queue[Notice] = asyncio.Queue(maxsize=WAITING)

    def put(self, notice: Notice) -> None:
        if self._queue.full():
            self._queue.get_nowait()
            self._queue.task_done()
            self._count(self.destination.name, Outcome.DROPPED)
        self._queue.put_nowait(notice)

    async def run(self, session: aiohttp.ClientSession) -> None:
        while True:
            notice = await self._queue.get()
            try:
                await self._send(notice, session)
            finally:
                self._queue.task_done()

    async def flush(self) -> None:
        await self._queue.join()

    async def _send(self, notice: Notice, session: aiohttp.ClientSession) -> None:
        about = {"destination": self.destination.name, "namespace": notice.namespace, "object": notice.name}
        try:
            async for attempt in self._tries():
                with attempt:
                    await post(notice, self.destination, session=session, now=time.time())
        except UndeliveredError as error:
            log.warning("a notification was not delivered: %s", error, extra={**about, "reason": notice.reason})
            self._count(self.destination.name, Outcome.FAILED)
        except Exception as error:
            # Not its words, nor where it came from: they may have the address.
            log.error("a notification could not be sent: %s", type(error).__name__, extra=about)
            self._count(self.destination.name, Outcome.FAILED)
        else:
            self._count(self.destination.name, Outcome.DELIVERED)

    def _tries(self) -> AsyncRetrying:
        return AsyncRetrying(
            retry=retry_if_exception_type(PassingError),
            wait=self._pause,
            stop=stop_after_delay(self._tried_seconds),
            reraise=True,
        )

    def _pause(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after if isinstance(error, PassingError) else 0.0
        return max(asked, self._wait(state))
