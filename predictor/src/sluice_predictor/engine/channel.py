"""What the server's process and the engine's say to each other: pickled plain data, each message after its length.

There is a socket for each slot, and on it at most one batch on its way. The first one carries the loading too.
Both ends are this program, started by one user, and the socket has no name; so a pickle is as safe as the processes.
Answers travel as tuples, because a dataclass takes several times as long to pickle.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sluice_predictor.artifact import Artifact
from sluice_predictor.tasks.base import Answer, Description, InputProblem, Parameters, PrecisionSetting

_LENGTH = struct.Struct("!I")


@dataclass(frozen=True, slots=True)
class Load:
    """To the engine: load this verified version. `threads` is the number of CPUs it may use."""

    artifact: Artifact
    precision: PrecisionSetting
    threads: int


@dataclass(frozen=True, slots=True)
class Loaded:
    """From the engine: the version is loaded and warm."""

    description: Description


@dataclass(frozen=True, slots=True)
class LoadFailed:
    """From the engine, which then exits: the version cannot be served; the reason is one line."""

    reason: str


@dataclass(frozen=True, slots=True)
class Piece:
    """Texts of one request that go through the model together."""

    texts: Sequence[str]
    parameters: Parameters


@dataclass(frozen=True, slots=True)
class Run:
    """To the engine: answer these pieces of requests as one batch."""

    pieces: Sequence[Piece]


PlainAnswer = tuple[Mapping[str, Any], int, Sequence[tuple[str, float]]]
Result = list[PlainAnswer | InputProblem] | str
"""What became of a piece: the answers to its texts, or what the model raised."""


@dataclass(frozen=True, slots=True)
class Ran:
    """From the engine: the results of a batch's pieces, in their order."""

    results: Sequence[Result]


Message = Load | Loaded | LoadFailed | Run | Ran


def encode(message: Message) -> bytes:
    """Return the bytes to send."""
    data = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    return _LENGTH.pack(len(data)) + data


class Inbox:
    """Cuts a stream of bytes into messages."""

    def __init__(self) -> None:
        """Start at the beginning of the stream."""
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        """Add what has arrived."""
        self._buffer += data

    def take(self) -> Message | None:
        """Take the next message out; None if it has not arrived as a whole."""
        if len(self._buffer) < _LENGTH.size:
            return None
        end = _LENGTH.size + _LENGTH.unpack_from(self._buffer)[0]
        if len(self._buffer) < end:
            return None
        message: Message = pickle.loads(memoryview(self._buffer)[_LENGTH.size : end])  # noqa: S301  # our own process
        del self._buffer[:end]
        return message


def plain(answer: Answer | InputProblem) -> PlainAnswer | InputProblem:
    """Take an answer apart for the journey."""
    return answer if isinstance(answer, InputProblem) else (answer.prediction, answer.tokens, answer.labels)
