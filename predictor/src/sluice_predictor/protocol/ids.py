"""The name of a prediction: it says when, by which version and on which instance, and sorts by time.

To clients it is opaque: at most 115 characters that need no escaping in a URL, a header or a file's name. A request has
one; the n-th of its texts, counted from 0, has it with `.n` appended.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

_MAX_NAME_CHARACTERS = 48
_COUNTER_DIGITS = 5
_MAX_COUNTER = 16**_COUNTER_DIGITS


def prediction_id(*, milliseconds: int, counter: int, version: str, instance: str) -> str:
    """Return the id of a request's predictions.

    Args:
        milliseconds: since the epoch; ids sort by it up to the year 10889.
        counter: tells apart what one instance answers within a millisecond; below 2**20.
        version: of the model.
        instance: of the server, in Kubernetes the pod's name.
    """
    return _stamp(milliseconds, counter) + _origin(version, instance)


class PredictionIds:
    """Makes one instance's ids, each greater than the one before, also when the clock is set back."""

    def __init__(self, *, version: str, instance: str, clock: Callable[[], float]) -> None:
        """Begin.

        Args:
            version: of the model.
            instance: no other that serves the model at the time has its name.
            clock: returns seconds since the epoch.
        """
        self._origin = _origin(version, instance)
        self._clock = clock
        self._milliseconds = 0
        self._counter = 0

    def next(self) -> str:
        """Return the next id."""
        now = int(self._clock() * 1000)
        self._counter += 1
        if now > self._milliseconds:
            self._milliseconds, self._counter = now, 0
        elif self._counter == _MAX_COUNTER:
            self._milliseconds, self._counter = self._milliseconds + 1, 0
        return _stamp(self._milliseconds, self._counter) + self._origin


def _stamp(milliseconds: int, counter: int) -> str:
    return f"{milliseconds:012x}{counter:05x}"


def _origin(version: str, instance: str) -> str:
    return f"~{_short(version)}~{_short(instance)}"


def _short(name: str) -> str:
    """Keep a name that fits; of a longer one keep the end, which tells pods apart, and a hash of all of it."""
    plain = "".join(
        character if character.isascii() and (character.isalnum() or character in "-_.") else "-" for character in name
    )
    if plain == name and len(name) <= _MAX_NAME_CHARACTERS:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{digest}-{plain[-(_MAX_NAME_CHARACTERS - 9) :]}"
