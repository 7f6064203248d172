"""A record as one line of text, in which it goes to readers and into exports: NDJSON.

The record's text is in the line as it is kept, and is read out of it as it stands there, so that who has a line checks
the very bytes that were hashed: `{"record": …, "personal": {commitment: [salt, value] or null}}`. A row that could not
be read goes as `{"fault": {"seq": …, "problem": …}}`.
"""

import json
from collections.abc import Mapping
from typing import Any

from .personal import Opening
from .record import Record, read
from .verify import Fault

_BEGIN, _MIDDLE = '{"record":', ',"personal":'
_MOST_CHARACTERS = 1024**2
"""A line has far less: a record's text has 64 KiB."""


def line(record: Record | Fault) -> bytes:
    """A record as a line, its end included."""
    if isinstance(record, Fault):
        said: dict[str, Any] = {"fault": {"seq": record.seq, "problem": record.problem}}
        return json.dumps(said).encode() + b"\n"
    openings = {name: opening and [opening.salt, opening.value] for name, opening in record.openings.items()}
    return f"{_BEGIN}{record.text}{_MIDDLE}{json.dumps(openings)}}}\n".encode()


def from_line(text: str) -> Record | Fault:
    """The record of a line.

    Raises:
        ValueError: The line has no record.
    """
    if len(text) > _MOST_CHARACTERS:
        raise ValueError(f"longer than {_MOST_CHARACTERS} characters")
    try:
        if not text.startswith(_BEGIN):
            said = json.loads(text)["fault"]
            return Fault(seq=int(said["seq"]), problem=str(said["problem"]))
        _, end = json.JSONDecoder().raw_decode(text, len(_BEGIN))
        if not text.startswith(_MIDDLE, end):
            raise ValueError("no personal values beside the record")
        personal = json.loads(text[end + len(_MIDDLE) :].rstrip()[:-1])
        return read(text[len(_BEGIN) : end], _openings(personal))
    except (LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"not a record: {error!r}") from error


def _openings(personal: Mapping[str, Any]) -> dict[str, Opening | None]:
    return {
        name: None if pair is None else Opening(salt=str(pair[0]), value=str(pair[1]))
        for name, pair in personal.items()
    }
