"""A queue with client-go's contract: a key waits at most once and is worked on by at most one worker.

A key added while it is being worked on waits again afterwards, so no change is ever lost. What is urgent passes all
that is not, and there may be workers for it alone; for a second nothing else is begun beside it, because API server and
operator have better things to do. The state knows no clock: time is an argument, and `WorkQueue` lends it the event
loop's.
"""

import asyncio
import contextlib
import heapq
import math
from collections import deque
from collections.abc import Hashable, Iterable
from typing import Generic, Protocol, TypeVar

K = TypeVar("K", bound=Hashable)

_BACKOFF_BASE, _BACKOFF_MAX = 0.005, 300.0
_BACKOFF_MAX_URGENT = 10.0
"""Seconds that what is urgent waits at most after a failure: where writes alone fail, nothing else brings it back."""
_ALONE = 1.0
"""Seconds for which nothing else is begun while something urgent is worked on: one that hangs holds up nobody."""


class QueueObserver(Protocol):
    """Who is told of what happens in a queue. Times are in seconds."""

    def added(self) -> None:
        """A key waits that did not wait before."""

    def taken(self, waited: float) -> None:
        """A worker took a key."""

    def finished(self, worked: float) -> None:
        """A worker is done with a key."""

    def retried(self) -> None:
        """A key failed and comes again."""


class Unobserved:
    """Nobody is told."""

    def added(self) -> None:
        """Say nothing."""

    def taken(self, waited: float) -> None:
        """Say nothing."""

    def finished(self, worked: float) -> None:
        """Say nothing."""

    def retried(self) -> None:
        """Say nothing."""


class QueueState(Generic[K]):
    """What waits, what is being worked on, and what comes later."""

    def __init__(self, observer: QueueObserver) -> None:
        """Begin empty."""
        self._observer = observer
        self._urgent: deque[K] = deque()
        self._ready: deque[K] = deque()
        self._hurry: set[K] = set()
        """Keys that are urgent when they wait the next time: they are being worked on, or failed and come later."""
        self._pressing: set[K] = set()
        """Keys that are being worked on because they were urgent."""
        self._waiting: dict[K, float] = {}
        self._busy: dict[K, float] = {}
        self._later: list[tuple[float, int, K]] = []
        self._due: dict[K, float] = {}
        self._count = 0
        self._failures: dict[K, int] = {}

    def add(self, key: K, now: float, *, urgent: bool = False) -> None:
        """Let a key wait, once; before all others that are not urgent if it is."""
        known = key in self._waiting
        if not known:
            self._observer.added()
            self._waiting[key] = now
        if key in self._busy:
            if urgent:
                self._hurry.add(key)
        elif not known:
            self._line_up(key, urgent=urgent)
        elif urgent and key not in self._urgent:
            self._ready.remove(key)
            self._line_up(key, urgent=True)

    def _line_up(self, key: K, *, urgent: bool) -> None:
        hurries = urgent or key in self._hurry
        self._hurry.discard(key)
        (self._urgent if hurries else self._ready).append(key)

    def add_after(self, key: K, delay: float, now: float) -> None:
        """Let a key wait after `delay` seconds; the earliest of several such requests counts."""
        due = now + delay
        if self._due.get(key, float("inf")) <= due:
            return
        self._due[key] = due
        self._count += 1
        heapq.heappush(self._later, (due, self._count, key))

    def add_failed(self, key: K, now: float, *, at_least: float = 0.0) -> None:
        """Let a key wait again after a failure, twice as long each time. What was urgent still is, and waits less."""
        self._observer.retried()
        if key in self._pressing:
            self._hurry.add(key)
        longest = _BACKOFF_MAX_URGENT if key in self._hurry else _BACKOFF_MAX
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        backoff = min(longest, _BACKOFF_BASE * 2.0 ** min(failures, 30))
        self.add_after(key, max(backoff, at_least), now)

    def forget(self, key: K) -> None:
        """Forget a key's failures."""
        self._failures.pop(key, None)

    def take(self, now: float, *, urgent: bool = False) -> K | None:
        """The next key to work on, if one is ready; only an urgent one if that is asked for."""
        while self._later and self._later[0][0] <= now:
            due, _, key = heapq.heappop(self._later)
            if self._due.get(key) == due:
                del self._due[key]
                self.add(key, due)
        lane = self._urgent if self._urgent or urgent else self._ready
        if not lane or (lane is self._ready and now < self._alone_until()):
            return None
        key = lane.popleft()
        self._busy[key] = now
        if lane is self._urgent:
            self._pressing.add(key)
        self._observer.taken(now - self._waiting.pop(key))
        return key

    def done(self, key: K, now: float) -> None:
        """End the work on a key."""
        self._observer.finished(now - self._busy.pop(key))
        self._pressing.discard(key)
        if key in self._waiting:
            self._line_up(key, urgent=False)

    def next_due(self) -> float | None:
        """When the next delayed key becomes ready, or those that are have waited long enough for what is urgent."""
        due = [self._later[0][0]] if self._later else []
        if self._ready and self._pressing:
            due.append(self._alone_until())
        return min(due, default=None)

    def _alone_until(self) -> float:
        return max((self._busy[key] for key in self._pressing), default=-math.inf) + _ALONE

    def working(self, now: float) -> Iterable[float]:
        """For how long each key that is being worked on has been."""
        return [now - began for began in self._busy.values()]

    @property
    def urgent(self) -> int:
        """How many urgent keys are ready."""
        return len(self._urgent)

    def __len__(self) -> int:
        """How many keys are ready."""
        return len(self._urgent) + len(self._ready)


class WorkQueue(Generic[K]):
    """The queue on the event loop's time."""

    def __init__(self, observer: QueueObserver | None = None) -> None:
        """Begin empty."""
        self._state: QueueState[K] = QueueState(observer or Unobserved())
        self._wake = asyncio.Event()
        self._wake_urgent = asyncio.Event()
        self._closed = False

    def __len__(self) -> int:
        """How many keys are ready."""
        return len(self._state)

    def add(self, key: K, *, urgent: bool = False) -> None:
        """Let a key wait, once; before all others that are not urgent if it is."""
        self._state.add(key, self._now(), urgent=urgent)
        self._wake_all()

    def add_after(self, key: K, delay: float) -> None:
        """Let a key wait after `delay` seconds."""
        self._state.add_after(key, max(0.0, delay), self._now())
        self._wake_all()

    def add_failed(self, key: K, *, at_least: float = 0.0) -> None:
        """Let a key wait again after a failure, for so many seconds at least."""
        self._state.add_failed(key, self._now(), at_least=at_least)
        self._wake_all()

    def forget(self, key: K) -> None:
        """Forget a key's failures."""
        self._state.forget(key)

    async def take(self, *, urgent: bool = False) -> K | None:
        """The next key to work on, only an urgent one if that is asked for; None when the queue is closed."""
        wake = self._wake_urgent if urgent else self._wake
        while not self._closed:
            key = self._state.take(self._now(), urgent=urgent)
            if self._state.urgent:
                self._wake_urgent.set()
            if len(self._state):
                self._wake.set()
            if key is not None:
                return key
            wake.clear()
            due = self._state.next_due()
            # Not `wait_for`: before Python 3.12 that swallows a cancellation which comes at the moment of the wake.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await wake.wait()
        return None

    def done(self, key: K) -> None:
        """End the work on a key."""
        self._state.done(key, self._now())
        self._wake_all()

    def close(self) -> None:
        """Give out no more keys: what is worked on is finished, the rest is left."""
        self._closed = True
        self._wake_all()

    def _wake_all(self) -> None:
        self._wake.set()
        self._wake_urgent.set()

    def working(self) -> Iterable[float]:
        """For how many seconds each key that is being worked on has been."""
        return self._state.working(self._now())

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
