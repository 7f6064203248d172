"""Personal values stay out of what is hashed: a salted commitment stands in their place.

The commitment is HMAC-SHA256 of the value, keyed with a salt of 256 bits that belongs to this one place. Whoever has
salt and value can show that they are what was recorded; without them the commitment tells nothing, not even that two
records are about the same person. So both can be erased, and the chain is as it was.

In a record's text a commitment is an object with the one key `$personal`. Keys of other objects that begin with a
dollar sign get another one in front, so that nobody's data can be taken for a commitment.
"""

import hashlib
import hmac
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .errors import EntryError

_MARK = "$personal"
_DEEPEST = 32
_MOST_INTEGER = 2**53 - 1
_NAMED = r"(?<![\w@+/:])(?<!\w[.-]){}(?![\w@+/])(?![.:-][\w@])"
"""Names are those of users, addresses of mail and of service accounts: what joins their parts ends none."""


@dataclass(frozen=True, slots=True)
class Personal:
    """A value that names a person. It may stand anywhere in an entry's actor and body."""

    value: str


@dataclass(frozen=True, slots=True)
class Opening:
    """What opens a commitment."""

    salt: str
    """64 characters, hashed as they are written."""
    value: str

    def commitment(self) -> str:
        """The commitment that this opens: 64 hexadecimal digits."""
        salt, value = (part.encode("utf-8", "backslashreplace") for part in (self.salt, self.value))
        return hmac.new(salt, value, hashlib.sha256).hexdigest()


class Sealer:
    """Turns what an entry says into JSON with commitments in the place of personal values.

    Args:
        salt: Makes a new salt of 64 characters at each call.
    """

    def __init__(self, salt: Callable[[], str]) -> None:
        self._salt = salt
        self.openings: dict[str, Opening] = {}
        """What opens each commitment that was made."""

    def sealed(self, value: Any, *, depth: int = 0) -> Any:
        """The value as JSON.

        Raises:
            EntryError: It is too deep, or has what JSON has not.
        """
        if depth > _DEEPEST:
            raise EntryError(f"deeper than {_DEEPEST} levels")
        if isinstance(value, str):
            return text(value)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int):
            return int(value) if abs(value) <= _MOST_INTEGER else str(int(value))
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else None
        if isinstance(value, Personal):
            opening = Opening(salt=self._salt(), value=text(value.value).replace("\0", "\ufffd"))
            self.openings[opening.commitment()] = opening
            return {_MARK: opening.commitment()}
        if isinstance(value, Mapping):
            return {_escaped(key): self.sealed(inner, depth=depth + 1) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.sealed(inner, depth=depth + 1) for inner in value]
        raise EntryError(f"a {type(value).__name__} is not JSON")


def opened(document: Any, openings: Mapping[str, Opening | None], *, found: set[str]) -> Any:
    """What was sealed, with personal values in their places again, and None in place of those that were erased.

    Args:
        document: JSON as it is in a record's text.
        openings: What opens each commitment; None where it was erased.
        found: Each commitment in the document is added to it.
    """
    if type(document) is list:
        return [opened(inner, openings, found=found) for inner in document]
    if type(document) is not dict:
        return document
    if document.keys() == {_MARK}:
        commitment = document[_MARK]
        found.add(commitment)
        opening = openings.get(commitment)
        return None if opening is None else opening.value
    return {
        key[1:] if key.startswith("$$") else key: (
            opened(inner, openings, found=found) if type(inner) in (dict, list) else inner
        )
        for key, inner in document.items()
    }


def names(said: str, value: str) -> bool:
    """Whether a personal value is this one, or a sentence that names it, and not a longer name that it is a part of."""
    return re.search(_NAMED.format(re.escape(value)), said) is not None


def text(value: str) -> str:
    """The text as UTF-8 can have it."""
    return value if value.isascii() else value.encode("utf-8", "replace").decode()


def _escaped(key: Any) -> str:
    if not isinstance(key, str):
        raise EntryError(f"a key of an object is text, not a {type(key).__name__}")
    return text("$" + key if key.startswith("$") else key)
