"""How far a long run is: a line for each thing that begins, with the time so far and about how much is left."""

from __future__ import annotations

import time
from collections.abc import Callable


class Progress:
    """Counts what was planned down; what others disturb takes longer, and the time left follows."""

    def __init__(
        self, total_s: float, *, announce: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Begin.

        Args:
            total_s: What all steps are thought to take.
            announce: Told each line.
            clock: Returns the time in seconds.
        """
        self._left = total_s
        self._planned = 0.0
        self._announce = announce
        self._clock = clock
        self._began = clock()

    def begin(self, line: str, *, seconds: float) -> None:
        """Announce a step that is thought to take so long; the step before it is done."""
        elapsed = self._clock() - self._began
        # The first steps say little about how much slower than planned the rest will be.
        pace = max(1.0, elapsed / self._planned) if self._planned > self._left / 10 else 1.0
        left = self._left * pace
        self._announce(f"{_clock(elapsed)}  {line}  ({_clock(left)} left)")
        self._left = max(0.0, self._left - seconds)
        self._planned += seconds


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes:d}:{rest:02d}"
