"""One link of the chain: an entry with its place in it, as canonical JSON (RFC 8785).

The digest of a record is the SHA-256 of its text, and the next record holds it as `prev`: no record can be changed,
taken out or put in without changing all that follow. What is hashed is the text as it is kept, byte for byte; the other
fields are read from it.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import rfc8785

from .entry import Entry
from .errors import EntryError
from .personal import Opening, Sealer, opened

SCHEMA = 1
"""Of what this release writes. Readers take records of any schema whose fields are these."""
GENESIS = "0" * 64
"""What the first record has as `prev`."""
MOST_BYTES = 64 * 1024
"""A record's text has no more."""
_MOST_ID, _MOST_TYPE = 200, 100
_LAST = 2**53 - 1


@dataclass(frozen=True, slots=True)
class Head:
    """Where a chain ends: kept elsewhere, it is a checkpoint. `seq` is 0 before the first record."""

    chain: str
    seq: int
    digest: str


@dataclass(frozen=True, slots=True)
class Record:
    """One link.

    Attributes:
        schema: What the fields mean.
        chain: Which chain it belongs to.
        seq: Its place in the chain: 1, 2, 3, …
        id: The entry's.
        time: When it happened, as the entry says.
        recorded: When it was written down; it never decreases along the chain, which `time` may after an outage.
        type: The entry's, like the three that follow.
        subject: What it happened to.
        actor: Who made it happen. Here and in the body personal values are in their places, or None where erased.
        body: Everything else.
        prev: Digest of the record in front of it.
        text: All of this as canonical JSON, with commitments in the place of personal values: what is hashed.
        openings: What opens each commitment; None where it was erased.
    """

    schema: int
    chain: str
    seq: int
    id: str
    time: datetime
    recorded: datetime
    type: str
    subject: Mapping[str, Any]
    actor: Mapping[str, Any]
    body: Mapping[str, Any]
    prev: str
    text: str = field(repr=False)
    openings: Mapping[str, Opening | None] = field(repr=False)


def canonical(record: Record) -> bytes:
    """What is hashed."""
    return record.text.encode()


def digest(record: Record) -> str:
    """The SHA-256 of a record, in 64 hexadecimal digits."""
    return hashlib.sha256(record.text.encode()).hexdigest()


def link(entry: Entry, *, after: Head, recorded: datetime, salt: Callable[[], str]) -> Record:
    """The record of an entry that comes after the last one.

    Args:
        entry: What happened.
        after: Where the chain ends.
        recorded: Now, or when the record in front was written, whichever is later.
        salt: Makes a new salt of 64 random hexadecimal digits at each call.

    Raises:
        EntryError: It cannot be recorded; nothing was written.
    """
    sealer = Sealer(salt)
    document = {
        "schema": SCHEMA,
        "chain": after.chain,
        "seq": after.seq + 1,
        "id": _word("id", entry.id, most=_MOST_ID),
        "time": written(entry.time),
        "recorded": written(recorded),
        "type": _word("type", entry.type, most=_MOST_TYPE),
        "subject": _subject(entry),
        "actor": sealer.sealed(entry.actor),
        "body": sealer.sealed(entry.body),
        "prev": after.digest,
    }
    try:
        text = rfc8785.dumps(document)
    except (ValueError, RecursionError) as error:
        raise EntryError(f"not JSON: {error}") from error
    if len(text) > MOST_BYTES:
        raise EntryError(f"{len(text)} bytes: a record has at most {MOST_BYTES}")
    return read(text.decode(), sealer.openings)


def check(entry: Entry) -> None:
    """See that an entry can be recorded, wherever in whichever chain.

    Raises:
        EntryError: It cannot.
    """
    longest = Head(chain="0" * 36, seq=_LAST - 1, digest=GENESIS)
    link(entry, after=longest, recorded=datetime.max.replace(tzinfo=UTC), salt=lambda: GENESIS)


def read(text: str, openings: Mapping[str, Opening | None]) -> Record:
    """A record from its text.

    Args:
        text: As it is kept.
        openings: What opens each commitment in it, no more and no less; None where it was erased.

    Raises:
        ValueError: The text is not that of a record, or the openings are of other commitments.
    """
    try:
        _text(text).encode()  # what cannot be hashed is no text
        document = json.loads(text)
        found: set[str] = set()
        if '"$' in text:  # most records have nothing to open, and to look takes as long as all the rest
            for name in ("subject", "actor", "body"):
                document[name] = opened(document[name], openings, found=found)
        record = Record(
            schema=_whole(document["schema"]),
            chain=_text(document["chain"]),
            seq=_whole(document["seq"]),
            id=_text(document["id"]),
            time=_moment(document["time"]),
            recorded=_moment(document["recorded"]),
            type=_text(document["type"]),
            subject=_object(document["subject"]),
            actor=_object(document["actor"]),
            body=_object(document["body"]),
            prev=_text(document["prev"]),
            text=text,
            openings=openings,
        )
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"not a record: {error!r}") from error
    if found != openings.keys():
        raise ValueError("the personal values beside it are not those that it names")
    return record


def recorded_of(text: str) -> datetime:
    """When a record was written down, by its text; the beginning of time where that says nothing."""
    try:
        return _moment(json.loads(text)["recorded"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return datetime.min.replace(tzinfo=UTC)


def written(moment: datetime) -> str:
    """A moment as records have it: RFC 3339 in UTC with microseconds, always of the same length.

    Raises:
        EntryError: It has no time zone, or cannot be told in UTC.
    """
    if moment.tzinfo is None:
        raise EntryError("a time without a time zone")
    try:
        return moment.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"
    except OverflowError as error:
        raise EntryError("a time beyond the calendar") from error


def _subject(entry: Entry) -> Any:
    sealer = Sealer(lambda: GENESIS)
    subject = sealer.sealed(entry.subject)
    if sealer.openings:
        raise EntryError("a subject has no personal values: records are looked up by it")
    return subject


def _word(name: str, value: str, *, most: int) -> str:
    if not 0 < len(value) <= most or not value.isprintable():
        raise EntryError(f"{name}: expected 1 to {most} printable characters")
    return value


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise TypeError("expected an integer")
    return value


def _text(value: Any) -> str:
    if type(value) is not str:
        raise TypeError("expected text")
    return value


def _object(value: Any) -> dict[str, Any]:
    if type(value) is not dict:
        raise TypeError("expected an object")
    return value


def _moment(value: Any) -> datetime:
    moment = datetime.fromisoformat(_text(value))
    if moment.tzinfo is None:
        raise TypeError("expected a time zone")
    return moment
