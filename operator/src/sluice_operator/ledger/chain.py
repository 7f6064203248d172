"""The chain inside a transaction: read a page of it, extend it, move its head.

Whoever extends it has locked the head's row first, so that writers come one after the other, wherever they run.
"""

import secrets
import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter

from sqlalchemy import ColumnElement, Connection, insert, select, update

from .entry import Entry
from .errors import LedgerError
from .record import Head, Record, digest, link, recorded_of
from .rows import personal_rows, record_of, record_row
from .schema import HEAD, PERSONAL, RECORDS
from .verify import Fault

_PAGE = 500


def head_of(connection: Connection, *, chain: str = "", locked: bool = False) -> Head:
    """Where the chain ends.

    Args:
        connection: In a transaction.
        chain: Which chain it must be; any where it is empty.
        locked: Whether nobody else may lock it until the transaction ends.

    Raises:
        LedgerError: It is another chain, or where it ends cannot be read.
    """
    asked = select(HEAD.c.chain, HEAD.c.seq, HEAD.c.digest)
    row = connection.execute(asked.with_for_update() if locked else asked).one_or_none()
    if row is None or [type(value) for value in row] != [str, int, str]:  # SQLite's columns take anything
        raise LedgerError("the ledger is damaged: where its chain ends cannot be read")
    if chain and row.chain not in ("", chain):
        raise LedgerError(
            f"the database has the ledger of another installation: chain {row.chain[:64]}, not {chain[:64]}; "
            "see docs/ledger.md"
        )
    return Head(row.chain or chain, row.seq, row.digest)


def extend(connection: Connection, entries: Sequence[Entry], *, chain: str, now: datetime) -> list[Record]:
    """Record what is not recorded yet, and return the record of each entry.

    Args:
        connection: In a transaction that writes.
        entries: What happened.
        chain: Which chain it must be; any where it is empty, and a new one gets an id of its own.
        now: The time.

    Raises:
        EntryError: One cannot be recorded.
        LedgerError: It is another chain, or what is recorded of an entry cannot be read.
    """
    head = head_of(connection, chain=chain, locked=True)
    head = Head(head.chain or str(uuid.uuid4()), head.seq, head.digest)
    by_id = _recorded_before(connection, entries)
    last = connection.scalar(select(RECORDS.c.text).where(RECORDS.c.seq == head.seq))
    now = max(now, recorded_of(last or ""))
    new: list[Record] = []
    for entry in entries:
        if entry.id not in by_id:
            record = link(entry, after=head, recorded=now, salt=lambda: secrets.token_hex(32))
            head = Head(head.chain, record.seq, digest(record))
            by_id[entry.id] = record
            new.append(record)
    if new:
        add(connection, new)
        move_head(connection, head)
    return [by_id[entry.id] for entry in entries]


def add(connection: Connection, records: Sequence[Record]) -> None:
    """Write one or more records down; the head stays where it is."""
    personal = [row for record in records for row in personal_rows(record)]
    connection.execute(insert(RECORDS), [record_row(record) for record in records])
    if personal:
        connection.execute(insert(PERSONAL), personal)


def move_head(connection: Connection, head: Head) -> None:
    """Let the chain end there."""
    connection.execute(update(HEAD).values(chain=head.chain, seq=head.seq, digest=head.digest))


def page(connection: Connection, *conditions: ColumnElement[bool], limit: int = _PAGE) -> list[Record | Fault]:
    """So many records, in their order, of those that meet all conditions."""
    asked = select(RECORDS).where(*conditions).order_by(RECORDS.c.seq).limit(limit)
    rows = connection.execute(asked).mappings().all()
    if not rows:
        return []
    chosen = select(PERSONAL).where(PERSONAL.c.seq.in_([row["seq"] for row in rows])).order_by(PERSONAL.c.seq)
    beside = groupby(connection.execute(chosen).mappings(), key=itemgetter("seq"))
    personal = {seq: list(group) for seq, group in beside}
    return [record_of(row, personal.get(row["seq"], [])) for row in rows]


def pages(connection: Connection) -> Iterator[Record | Fault]:
    """All records, a page at a time."""
    last = -1
    while found := page(connection, RECORDS.c.seq > last):
        yield from found
        last = found[-1].seq


def _recorded_before(connection: Connection, entries: Sequence[Entry]) -> dict[str, Record]:
    """The records of entries that are there, by the entries' ids."""
    ids = RECORDS.c.id.in_([entry.id for entry in entries])
    found: dict[str, Record] = {}
    for record in page(connection, ids, limit=len(entries)):
        if isinstance(record, Fault):
            raise LedgerError(f"the ledger is damaged: {record}")
        found[record.id] = record
    return found
