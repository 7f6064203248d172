"""What becomes of an event that is told: an Event of its own, a further count of one that is there, or nothing yet.

As client-go has it: what was told of the same object in the same words within ten minutes is counted instead of
written anew, and an object is written about 25 times in a row, then once in five minutes. What is held back is counted
all the same, and the next write says it. What was not told of for longest is forgotten first.
"""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_TOGETHER_SECONDS = 600.0
_BURST = 25.0
_REFILL_SECONDS = 300.0
_REMEMBERED = 4096


@dataclass(slots=True)
class Series:
    """Events that are told as one."""

    count: int
    last: float
    written_as: str | None = None
    """Name of the Event that says it; None while there is none."""


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_at: float


class Correlator:
    """Remembers what was told lately. The clock that every `now` is read from is monotonic, in seconds."""

    def __init__(self) -> None:
        """Begin without memories."""
        self._series: OrderedDict[Hashable, Series] = OrderedDict()
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def tell(self, what: Hashable, *, about: str, now: float) -> Series | None:
        """Count an event. The series it belongs to, which is to be written; None when that has to wait.

        Args:
            what: All that makes two events the same, the object included.
            about: The object's uid.
            now: The time.
        """
        series = self._series.get(what)
        if series is None or now - series.last > _TOGETHER_SECONDS:
            series = Series(count=0, last=now)
        series.count += 1
        series.last = now
        _remember(self._series, what, series)
        return series if self._may_write(about, now) else None

    def _may_write(self, about: str, now: float) -> bool:
        bucket = self._buckets.get(about) or _Bucket(tokens=_BURST, filled_at=now)
        bucket.tokens = min(_BURST, bucket.tokens + (now - bucket.filled_at) / _REFILL_SECONDS)
        bucket.filled_at = now
        _remember(self._buckets, about, bucket)
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True


def _remember(memory: OrderedDict[K, V], key: K, value: V) -> None:
    memory[key] = value
    memory.move_to_end(key)
    if len(memory) > _REMEMBERED:
        memory.popitem(last=False)
