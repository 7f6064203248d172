"""Records as rows of the database, and back. A row that is not what was written is a Fault, never an exception."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import RowMapping

from .personal import Opening
from .record import Record, read, written
from .verify import Fault


def record_row(record: Record) -> dict[str, Any]:
    """The row of a record, without what is personal."""
    looked_up = {name: _word(record.subject.get(name)) for name in ("namespace", "model", "version")}
    return {"seq": record.seq, "id": record.id, "time": written(record.time), **looked_up, "text": record.text}


def personal_rows(record: Record) -> list[dict[str, Any]]:
    """The rows of what is personal in a record."""
    return [
        {
            "commitment": commitment,
            "seq": record.seq,
            "salt": opening.salt if opening else None,
            "value": opening.value if opening else None,
        }
        for commitment, opening in record.openings.items()
    ]


def record_of(row: RowMapping, personal: Sequence[RowMapping]) -> Record | Fault:
    """The record of a row.

    Args:
        row: Of the records.
        personal: All rows of what is personal in it.
    """
    seq = int(row["seq"])
    openings = {one["commitment"]: _opening(one) for one in personal}
    try:
        record = read(row["text"], openings)
        wrong = [name for name, value in record_row(record).items() if row[name] != value]
    except (ValueError, TypeError) as error:
        return Fault(seq, f"cannot be read: {str(error)[:200]}")
    if wrong:
        return Fault(seq, f"its text says otherwise than its column {wrong[0]}")
    return record


def _opening(row: RowMapping) -> Opening | None:
    if row["salt"] is None and row["value"] is None:
        return None
    return Opening(salt=str(row["salt"]), value=str(row["value"]))


def _word(value: Any) -> str:
    """What is looked up by, as a column has it: PostgreSQL's text has no NUL."""
    return value.replace("\0", "\ufffd")[:253] if isinstance(value, str) else ""
