"""A bound on what the operator writes: a thousand rollouts at once must not become a storm on the API server.

Writes are counted, not held up: it is the next piece of work that waits, until what was written is paid for by time. So
a piece of work that was begun is finished without pauses, and urgent work never waits.
"""

import asyncio
from collections.abc import Callable

_BURST_SECONDS = 2.5
_MOMENT = 0.001


class Pace:
    """Writes that are still paid for."""

    def __init__(self, per_second: float, *, clock: Callable[[], float]) -> None:
        """Pay for so many writes a second, and at once for those of 2.5 seconds after a rest.

        The clock is monotonic, in seconds.
        """
        self._per_second = per_second
        self._most = self._left = per_second * _BURST_SECONDS
        self._clock = clock
        self._at = clock()

    def wrote(self) -> None:
        """Count a write."""
        self._refill()
        self._left -= 1

    async def keep(self) -> None:
        """Wait until all writes so far are paid for."""
        self._refill()
        while self._left < 0:
            await asyncio.sleep(max(_MOMENT, -self._left / self._per_second))
            self._refill()

    def _refill(self) -> None:
        now = self._clock()
        self._left = min(self._most, self._left + (now - self._at) * self._per_second)
        self._at = now
