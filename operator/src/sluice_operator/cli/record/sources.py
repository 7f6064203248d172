"""Where a command reads the record: from the operator, from an export, or from the ledger's database."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ...ledger.lines import from_line
from ...ledger.record import Head, Record
from ...ledger.verify import Fault
from ..errors import ClusterError, QuestionError
from ..kubeconfig import Target

_PAGE = 500
_MOST_LINE = 1 << 20


class Source(Protocol):
    """Somewhere that records are read."""

    def records(self, *, namespace: str | None = None, model: str | None = None) -> Iterator[Record | Fault]:
        """Records in the order of the chain; only of a namespace, or a model, where one is named."""

    def head(self) -> Head | None:
        """Where the chain ends; None where nobody but the records say so."""


@dataclass(frozen=True, slots=True)
class Where:
    """Where to read, as the options say."""

    target: Target
    records: Path | None
    ledger_url: str | None
    operator_namespace: str


@dataclass(frozen=True, slots=True)
class Reading:
    """A source, and the namespace that names are looked up in."""

    source: Source
    scope: str | None
    """None: all of them."""


@contextlib.contextmanager
def reading(where: Where) -> Iterator[Reading]:
    """Read the record, for as long as the block lasts.

    Raises:
        QuestionError: Several places are named, or one that is none.
        ClusterError: The operator cannot be reached.
    """
    if where.records is not None and where.ledger_url is not None:
        raise QuestionError("--records and --ledger-url: choose one")
    named = None if where.target.everywhere else where.target.namespace
    if where.records is not None:
        yield Reading(File(where.records), named)
    elif where.ledger_url is not None:
        yield Reading(Database(where.ledger_url), named)
    else:
        from ..cluster import connect
        from .forwarding import forwarded

        cluster = connect(where.target)
        with forwarded(cluster, namespace=where.operator_namespace) as source:
            yield Reading(source, cluster.scope)


class File:
    """An export: NDJSON, as `export records` writes it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def head(self) -> Head | None:
        return None

    def records(self, *, namespace: str | None = None, model: str | None = None) -> Iterator[Record | Fault]:
        try:
            with self._path.open("rb") as file:
                number, last = 0, 0
                while raw := file.readline(_MOST_LINE):
                    number += 1
                    record = _record(raw, line=number, last=last)
                    last = record.seq
                    if isinstance(record, Fault) or _is_of(record, namespace=namespace, model=model):
                        yield record
        except OSError as error:
            raise QuestionError(f"{self._path}: {os.strerror(error.errno or 0)}") from error


class Database:
    """The ledger's own database, for those who have its URL."""

    def __init__(self, url: str) -> None:
        from ...ledger.errors import LedgerError
        from ...ledger.store import Ledger

        try:
            self._ledger = Ledger.open(url)
        except LedgerError as error:
            raise QuestionError(f"--ledger-url: {error}") from error

    def head(self) -> Head | None:
        with _told():
            return self._ledger.head()

    def records(self, *, namespace: str | None = None, model: str | None = None) -> Iterator[Record | Fault]:
        after = 0
        while True:
            with _told():
                found = self._ledger.records(namespace=namespace, model=model, after_seq=after, limit=_PAGE)
            yield from found
            if not found:
                return
            after = found[-1].seq


def _record(raw: bytes, *, line: int, last: int) -> Record | Fault:
    """That a line cannot be read may be what a verification is to find: it stands for the record it should be."""
    try:
        return from_line(raw.decode())
    except ValueError as error:
        return Fault(last + 1, f"cannot be read (line {line}): {str(error)[:200]}")


def _is_of(record: Record, *, namespace: str | None, model: str | None) -> bool:
    named = {"namespace": namespace, "model": model}
    return all(record.subject.get(name) == value for name, value in named.items() if value is not None)


@contextlib.contextmanager
def _told() -> Iterator[None]:
    from ...ledger.errors import LedgerError

    try:
        yield
    except LedgerError as error:
        raise ClusterError(f"the ledger cannot be read: {error}") from error
