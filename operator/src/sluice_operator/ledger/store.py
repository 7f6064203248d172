"""The ledger in its database: entries are appended to the chain in groups, records are read, personal values erased.

An entry whose id is there already is not recorded again, so whoever does not know whether it was recorded appends it
again. All methods wait for the database, for a bounded time, and are to be called from threads.
"""

import contextlib
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import select, update
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from . import chain
from .database import Database
from .entry import Entry
from .errors import LedgerError
from .personal import names
from .record import Head, Record, written
from .schema import PERSONAL, RECORDS
from .verify import ERASED, Fault

MOST_AT_ONCE = 1000
"""Entries that are appended in one transaction, and records that are read at once, at most."""
_USUAL = 500
_LONG = 3600.0
"""Seconds that taking over a chain may last."""
_TRIES = 2
_PAUSE = wait_random_exponential(multiplier=0.1, max=0.5)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Whole:
    """A chain as it was at one moment, from its first record to its head."""

    head: Head
    records: Callable[[], Iterator[Record | Fault]]
    """Reads it from its beginning, page by page; it may be called again."""


class Ledger:
    """One chain in one database."""

    def __init__(self, database: Database, *, chain: str, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._chain = chain
        self._clock = clock

    @classmethod
    def open(
        cls,
        url: str,
        *,
        chain: str = "",
        seconds: float = 5.0,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> "Ledger":
        """The ledger in a database, whose tables `migrate` has made; nothing is asked of the database yet.

        Args:
            url: Of the database: `sqlite:////path` or `postgresql://user:password@host/name`.
            chain: Which chain it must be, such as the uid of something that a cluster has only one of. Where it is
                empty any will do, and a new one gets an id of its own.
            seconds: How long a transaction may take; what failed is tried once more.
            clock: Says when something is recorded.

        Raises:
            LedgerError: It is not the URL of a database that can have a ledger.
        """
        return cls(Database(url, seconds=seconds), chain=chain, clock=clock)

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()

    def append(self, entries: Sequence[Entry]) -> list[Record]:
        """Record entries, all in one transaction, and return the record of each: an older one where it was there.

        Raises:
            EntryError: One of them cannot be recorded; none was.
            LedgerError: The database is away. They may have been recorded all the same: append them again.
            ValueError: There are more than `MOST_AT_ONCE`.
        """
        if len(entries) > MOST_AT_ONCE:
            raise ValueError(f"{len(entries)} entries: at most {MOST_AT_ONCE} are recorded at once")

        def once() -> list[Record]:
            with self._database.writing() as connection:
                return chain.extend(connection, entries, chain=self._chain, now=self._clock())

        return _tried(once) if entries else []

    def records(
        self,
        *,
        namespace: str | None = None,
        model: str | None = None,
        version: str | None = None,
        after_seq: int = 0,
        limit: int = _USUAL,
        until: datetime | None = None,
    ) -> list[Record | Fault]:
        """Records in the order of the chain; a Fault where a row cannot be read.

        Args:
            namespace: Only of this namespace; so with `model` and `version`.
            model: Only of this model.
            version: Only of this version.
            after_seq: Only behind this place in the chain.
            limit: No more than this many, and than `MOST_AT_ONCE`.
            until: Only of what had happened by then.

        Raises:
            LedgerError: The database is away.
        """
        # The index by subject is sorted by place within a model alone: by it, each page of a whole namespace would be
        # sorted anew out of all its records. So it is not offered for that, and the chain is walked in its order.
        of = RECORDS.c.namespace if model is not None else RECORDS.c.namespace.concat("")
        asked = ((of, namespace), (RECORDS.c.model, model), (RECORDS.c.version, version))
        conditions = [column == value for column, value in asked if value is not None]
        conditions.append(RECORDS.c.seq > after_seq)
        if until is not None:
            conditions.append(RECORDS.c.time <= written(until))

        def once() -> list[Record | Fault]:
            with self._database.reading() as connection:
                return chain.page(connection, *conditions, limit=min(limit, MOST_AT_ONCE))

        return _tried(once)

    def head(self) -> Head:
        """Where the chain ends.

        Raises:
            LedgerError: The database is away, or has another chain.
        """

        def once() -> Head:
            with self._database.reading() as connection:
                return chain.head_of(connection, chain=self._chain)

        return _tried(once)

    @contextlib.contextmanager
    def whole(self) -> Iterator[Whole]:
        """The whole chain as it is now, for as long as the block lasts, whoever goes on writing.

        Raises:
            LedgerError: The database is away, or has another chain.
        """
        with self._database.snapshot() as connection:
            head = chain.head_of(connection, chain=self._chain)
            yield Whole(head=head, records=lambda: chain.pages(connection))

    def commitments_of(self, value: str) -> list[str]:
        """The commitments that stand for a personal value, or for a sentence that names it, by their records' places.

        Raises:
            LedgerError: The database is away.
        """
        chosen = PERSONAL.c.value.contains(value, autoescape=True)
        asked = select(PERSONAL.c.commitment, PERSONAL.c.value).where(chosen).order_by(PERSONAL.c.seq)
        with self._database.reading() as connection:
            return [row.commitment for row in connection.execute(asked) if names(row.value, value)]

    def erase(self, *commitments: str, actor: Mapping[str, Any], reason: str) -> Record:
        """Erase personal values and the salts that open their commitments, and record that it was done.

        Args:
            commitments: What stands for them in records; one record names about 900.
            actor: Who has them erased.
            reason: Why; it must not name the person.

        Raises:
            EntryError: There are too many; nothing was erased.
            LedgerError: The database is away: `commitments_of` says what is left. Or all was erased and the disk still
                has it: `purge` later.
        """
        body = {"commitments": commitments, "reason": reason}
        act = Entry(f"erasure/{uuid.uuid4()}", self._clock(), ERASED, subject={}, actor=actor, body=body)
        chosen = PERSONAL.c.commitment.in_(commitments)
        with self._database.writing() as connection:
            (record,) = chain.extend(connection, [act], chain=self._chain, now=self._clock())
            connection.execute(update(PERSONAL).where(chosen).values(salt=None, value=None))
        self.purge()
        return record

    def purge(self) -> None:
        """Have nothing left on the disk of what was erased.

        Raises:
            LedgerError: The database is away, or somebody is reading the whole chain as it was before.
        """
        self._database.purge(PERSONAL.name)

    def load(self, records: Iterable[Record], head: Head) -> None:
        """Take over a whole chain as it is, into a database that has none.

        Raises:
            LedgerError: There is a chain already, or the database is away; nothing was taken over.
        """
        with self._database.writing(seconds=_LONG) as connection:
            if chain.head_of(connection, locked=True).seq:
                raise LedgerError("there are records already: a chain is taken over into an empty ledger")
            if not head.seq:
                return
            batch: list[Record] = []
            for record in records:
                batch.append(record)
                if len(batch) == _USUAL:
                    chain.add(connection, batch)
                    batch.clear()
            if batch:
                chain.add(connection, batch)
            chain.move_head(connection, head)


def _tried(once: Callable[[], T]) -> T:
    """What may be done twice is tried again: a connection may be of a server that has been started anew since."""
    trying = Retrying(
        stop=stop_after_attempt(_TRIES), retry=retry_if_exception_type(LedgerError), wait=_PAUSE, reraise=True
    )
    return trying(once)
