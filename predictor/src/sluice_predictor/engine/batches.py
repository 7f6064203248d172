"""The queue in front of the model: bounded, fair, and adaptive, without any clock or thread of its own.

A batch is formed only when a slot is free to run it, out of all that waits then; so nothing waits for the sake of
others, and batches grow just as fast as the load. Small requests stay whole. A large one is cut into pieces and goes
to the back of the queue after each, so that it never holds up those behind it for longer than a batch.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from sluice_predictor.engine.errors import QueueFullError

MAX_BATCH_WEIGHT = 32
_WHOLE_WEIGHT = 8
"""A request of at most this weight is never cut."""

_CHARACTERS = 512
_MAX_TEXT_WEIGHT = 4

Key = TypeVar("Key", bound=Hashable)


def weight(text: str) -> int:
    """How much work a text is, in short texts; at most four, as models cut what is longer."""
    return min(_MAX_TEXT_WEIGHT, 1 + len(text) // _CHARACTERS)


@dataclass(frozen=True, slots=True)
class Chunk(Generic[Key]):
    """The texts `start` to `stop` (exclusive) of the request that was put in as `key`."""

    key: Key
    start: int
    stop: int


@dataclass(slots=True)
class _Waiting:
    """A request's texts that wait, by weight; `taken` texts before them are in earlier batches."""

    weights: Sequence[int]
    taken: int
    left: int


class BatchQueue(Generic[Key]):
    """Requests that wait, in the order in which they are served."""

    def __init__(self, *, max_texts: int) -> None:
        """Make an empty queue that takes at most this many texts; but an empty one takes any request."""
        self._max_texts = max_texts
        self._requests: OrderedDict[Key, _Waiting] = OrderedDict()
        self._texts = 0
        self._weight = 0

    def __len__(self) -> int:
        """Return the number of texts that wait."""
        return self._texts

    @property
    def full(self) -> bool:
        """Whether there is no room for another text."""
        return self._texts >= self._max_texts

    def put(self, key: Key, texts: Sequence[str]) -> None:
        """Add a request of at least one text at the back.

        Raises:
            QueueFullError: too many texts wait already.
        """
        if self._texts and self._texts + len(texts) > self._max_texts:
            raise QueueFullError(f"{self._texts} texts are waiting already; try again later")
        weights = [weight(text) for text in texts]
        self._requests[key] = _Waiting(weights=weights, taken=0, left=sum(weights))
        self._texts += len(texts)
        self._weight += self._requests[key].left

    def discard(self, key: Key) -> None:
        """Take out what still waits of a request, if anything does."""
        waiting = self._requests.pop(key, None)
        if waiting is not None:
            self._texts -= len(waiting.weights) - waiting.taken
            self._weight -= waiting.left

    def clear(self) -> set[Key]:
        """Take out everything; return the requests of which something still waited."""
        keys = set(self._requests)
        self._requests.clear()
        self._texts = self._weight = 0
        return keys

    def take(self, *, slots: int) -> list[Chunk[Key]]:
        """Take the next batch out: a fair part of the work for one of the slots that are free.

        Nothing comes out only when nothing waits.
        """
        share = min(MAX_BATCH_WEIGHT, math.ceil(self._weight / slots))
        batch: list[Chunk[Key]] = []
        size = 0
        while size < share and self._requests:
            key, waiting = next(iter(self._requests.items()))
            room = share - size
            if waiting.left <= _WHOLE_WEIGHT:
                room = max(room, min(waiting.left, MAX_BATCH_WEIGHT - size))
            if batch and room < min(waiting.left, _WHOLE_WEIGHT):
                break
            chunk = self._cut(key, waiting, room=room)
            batch.append(chunk)
            size += sum(waiting.weights[chunk.start : chunk.stop])
        return batch

    def _cut(self, key: Key, waiting: _Waiting, *, room: int) -> Chunk[Key]:
        """Take as many of a request's texts as there is room for, but at least one."""
        start = stop = waiting.taken
        size = 0
        while stop < len(waiting.weights) and (stop == start or size + waiting.weights[stop] <= room):
            size += waiting.weights[stop]
            stop += 1
        waiting.taken = stop
        waiting.left -= size
        self._texts -= stop - start
        self._weight -= size
        if stop == len(waiting.weights):
            del self._requests[key]
        else:
            self._requests.move_to_end(key)
        return Chunk(key=key, start=start, stop=stop)
