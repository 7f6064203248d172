"""From what stands in the outboxes of ModelVersions to entries of the record.

Whatever stands there becomes an entry: what cannot be read is recorded as such, so that it holds up nothing behind it.
An entry's id begins with the uid of the object, so that nobody's outbox can keep another's entries from the record.
"""

import hashlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from pydantic import ValidationError

from ..api.outbox import OUTBOX, OutboxEntry
from ..kube.gateway import Object
from ..ledger.entry import Entry, Personal
from ..ledger.errors import EntryError
from ..ledger.record import check

OPERATOR: Mapping[str, str] = {"operator": version("sluice-operator")}
"""The actor of all that no person did."""
_END = "deleted"
"""No entry of an outbox has this id: whoever may write there could otherwise keep an end from being recorded."""


def outbox(obj: Object) -> Iterator[tuple[str, Object]]:
    """What stands in a ModelVersion's outbox, by id."""
    told = (obj.get("status") or {}).get("outbox")
    for one in told[:OUTBOX] if isinstance(told, list) else ():
        if isinstance(one, dict) and isinstance(one.get("id"), str):
            yield one["id"], one


def entry_of(obj: Object, one: Object) -> Entry:
    """The entry for something that stands in a ModelVersion's outbox."""
    try:
        told = OutboxEntry.model_validate(one)
        time = told.at.replace(tzinfo=told.at.tzinfo or UTC).astimezone(UTC)
    except (ValidationError, OverflowError) as error:
        why = str(error.errors()[0]["msg"]) if isinstance(error, ValidationError) else "a time beyond the calendar"
        return _unrecordable(one["id"], _made(obj), subject=_subject(obj), why=why)
    if told.id == _END:
        return _unrecordable(told.id, _made(obj), subject=_subject(obj), why="the id is that of an end")
    personal = {name: Personal(value) for name, value in told.personal.items()}
    person = personal.pop("person", None)
    return Entry(
        id=f"{obj['metadata']['uid']}/{told.id}",
        time=time,
        type=told.type,
        subject={**_subject(obj), "attempt": told.attempt},
        actor=OPERATOR if person is None else {"person": person},
        body={**told.body, **personal},
    )


def recordable(entry: Entry) -> Entry:
    """The same entry, or one that says why it cannot be recorded."""
    try:
        check(entry)
    except EntryError as error:
        return _unrecordable(entry.id, entry.time, subject=entry.subject, why=str(error))
    return entry


def end_id(obj: Object) -> str:
    """The id of the entry that says that a ModelVersion is no more."""
    return f"{obj['metadata']['uid']}/{_END}"


def end_of(obj: Object, now: datetime) -> Entry:
    """The entry that says that a ModelVersion is no more."""
    status = obj.get("status") or {}
    last = {name: status[name] for name in ("phase", "weight") if isinstance(status.get(name), str | int)}
    return Entry(id=end_id(obj), time=now, type="Deleted", subject=_subject(obj), actor=OPERATOR, body={"from": last})


def _unrecordable(entry_id: str, time: datetime, *, subject: Mapping[str, Any], why: str) -> Entry:
    digest = hashlib.sha256(entry_id.encode("utf-8", "replace")).hexdigest()
    return Entry(
        id=f"{subject['uid']}/unrecordable/{digest}",
        time=time,
        type="Unrecordable",
        subject=subject,
        actor=OPERATOR,
        body={"id": entry_id[:200], "why": why[:200]},
    )


def _made(obj: Object) -> datetime:
    return datetime.fromisoformat(obj["metadata"]["creationTimestamp"])


def _subject(obj: Object) -> dict[str, Any]:
    meta, spec = obj["metadata"], obj.get("spec") or {}
    named = {"model": spec.get("model"), "version": spec.get("version")}
    return {
        "namespace": meta["namespace"],
        "name": meta["name"],
        "uid": meta["uid"],
        **{name: str(value)[:63] for name, value in named.items()},
    }
