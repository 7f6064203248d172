"""Entries as the operator would make them, ledgers in a directory, and whoever tampers with one."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sluice_operator.ledger.entry import Entry, Personal
from sluice_operator.ledger.migrate import migrate
from sluice_operator.ledger.record import Head
from sluice_operator.ledger.store import Ledger
from sluice_operator.ledger.verify import Fault, verify

BEGAN = datetime(2026, 3, 3, 12, tzinfo=UTC)


def entry(number: int, *, person: str | None = "alice@example.com", **body: Any) -> Entry:
    """The entry with a number: a step of a rollout that somebody approved, or nobody where `person` is None."""
    return Entry(
        id=f"uid-{number}/1/Approved",
        time=BEGAN + timedelta(seconds=number),
        type="Approved",
        subject={
            "namespace": "team",
            "model": f"model-{number % 3}",
            "version": f"1.{number}.0",
            "uid": f"uid-{number}",
        },
        actor={"kind": "User", "name": Personal(person)} if person else {"kind": "Operator"},
        body={"step": number % 4, "weight": 25, "value": 0.0213 + number, "reason": "looks good — 👍", **body},
    )


def url_of(path: Path) -> str:
    return f"sqlite:///{path}"


def fresh(path: Path, *, chain: str = "", clock: Callable[[], datetime] | None = None) -> Ledger:
    """A ledger without records in a file that is not there yet."""
    migrate(url_of(path))
    return Ledger.open(url_of(path), chain=chain, clock=clock) if clock else Ledger.open(url_of(path), chain=chain)


def faults(ledger: Ledger, checkpoint: Head | None = None) -> list[Fault]:
    """What is wrong with it."""
    with ledger.whole() as whole:
        return verify(whole.records(), checkpoint, head=whole.head)


@contextmanager
def tampering(path: Path) -> Iterator[sqlite3.Connection]:
    """The database as its owner may write to it, who has taken the triggers away."""
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f"DROP TRIGGER {name}")
        yield database
