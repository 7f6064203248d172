"""Equal parts of parsed objects, kept once.

Ten thousand objects of a kind differ in names and times; all else is the same in each, and parsed JSON has a copy of it
for each. Nobody ever changes an object of a local copy, so they may share: what is left is a third.
"""

from itertools import chain
from typing import Any


class Sharing:
    """The parts that were seen so far. They are kept as long as this is."""

    def __init__(self) -> None:
        """Begin with none."""
        self._kept: dict[tuple[Any, ...], Any] = {}

    def of(self, value: Any) -> Any:
        """An equal value, made of parts that others have as well; parsed JSON, which nobody may change any more."""
        try:
            return self._of(value)
        except RecursionError:  # deeper than any object of ours
            return value

    def _of(self, value: Any) -> Any:
        kind = type(value)
        if kind is dict:
            made = {self._of(key): self._of(part) for key, part in value.items()}
            # Equal parts are the same object by now: who they are says what they are, as long as they are kept.
            return self._kept.setdefault((kind, *map(id, chain.from_iterable(made.items()))), made)
        if kind is list:
            parts = [self._of(part) for part in value]
            return self._kept.setdefault((kind, *map(id, parts)), parts)
        return self._kept.setdefault((kind, value), value)
