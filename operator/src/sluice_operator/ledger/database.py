"""One database, SQLite or PostgreSQL: transactions that end in time, whatever becomes of the server.

A server that is stopped, or behind a network that is gone, leaves its clients waiting for as long as the kernel does.
So a connection's socket is shut when a transaction lasts too long, and the transaction fails as if the server had ended
it. All failures of the database become one kind of error, whose message has neither credentials nor what was written.
"""

import contextlib
import functools
import os
import socket
import threading
from collections.abc import Iterator
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from .errors import LedgerError

_MOST_CONNECTIONS = 5
_WORDS = 200
_ABANDONED = "SET LOCAL idle_in_transaction_session_timeout = '10s'"
"""A client that has gone in the middle of a transaction would otherwise hold the head's lock for two hours."""


class Database:
    """The engine, and the three kinds of transactions that the ledger makes.

    Args:
        url: As SQLAlchemy writes it: `sqlite:////path`, `postgresql://user:password@host/name`.
        seconds: How long a transaction may take.

    Raises:
        LedgerError: It is not the URL of such a database.
    """

    def __init__(self, url: str, *, seconds: float) -> None:
        self._seconds = seconds
        with told(seconds):
            self._engine = _engine(url, seconds=seconds)
        self.is_postgresql = self._engine.dialect.name == "postgresql"

    @contextlib.contextmanager
    def writing(self, *, seconds: float | None = None) -> Iterator[Connection]:
        """A transaction that writes: on SQLite it is the only one from its beginning on.

        Args:
            seconds: How long it may take, where that is not what the others may.

        Raises:
            LedgerError: It did not come to its end in time; it may have been committed nevertheless.
        """
        with (
            told(self._seconds),
            self._engine.connect().execution_options(writes=True) as connection,
            _bounded(connection, seconds or self._seconds),
            connection.begin(),
        ):
            if self.is_postgresql:
                connection.exec_driver_sql(_ABANDONED)
            yield connection

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that reads, and is over soon.

        Raises:
            LedgerError: It did not come to its end in time.
        """
        with told(self._seconds), self._engine.connect() as connection, _bounded(connection, self._seconds):
            yield connection

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A transaction that sees the database as it was at its first question, for as long as it takes.

        Raises:
            LedgerError: The database went away.
        """
        with told(self._seconds), self._engine.connect() as connection:
            if self.is_postgresql:
                connection = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            yield connection

    def purge(self, table: str) -> None:
        """Have nothing left of what a table had: not as dead rows, and not in SQLite's write-ahead log.

        Raises:
            LedgerError: It was not done.
        """
        with told(self._seconds):
            if self.is_postgresql:
                with self._engine.connect() as connection:
                    connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql(f"VACUUM {table}")
            else:
                with contextlib.closing(self._engine.raw_connection()) as driver:
                    cursor = driver.cursor()
                    cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                    (is_busy, *_) = cursor.fetchone() or (1,)
                if is_busy:
                    raise LedgerError("the database: somebody is reading what was there before")

    def close(self) -> None:
        """Let go of all connections."""
        self._engine.dispose()


def _engine(url: str, *, seconds: float) -> Engine:
    try:
        parsed = make_url(url)
        engine = _engine_of(parsed, seconds=seconds)
        engine.dialect.create_connect_args(engine.url)  # what the URL asks of the driver is read at each connection
    except (ArgumentError, ValueError):
        raise LedgerError("the ledger's URL is not that of a database") from None
    return engine


def _engine_of(url: URL, *, seconds: float) -> Engine:
    if url.get_backend_name() == "sqlite":
        return _sqlite(url.set(drivername="sqlite"), seconds=seconds)
    if url.get_backend_name() in ("postgresql", "postgres"):
        return _postgresql(url.set(drivername="postgresql+psycopg"), seconds=seconds)
    raise LedgerError("the ledger's database is SQLite or PostgreSQL")


def _sqlite(url: URL, *, seconds: float) -> Engine:
    engine = create_engine(url, connect_args={"timeout": seconds}, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # SQLAlchemy begins transactions, not the driver
        connection.text_factory = functools.partial(str, encoding="utf-8", errors="surrogateescape")
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "secure_delete = ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begins(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _postgresql(url: URL, *, seconds: float) -> Engine:
    """Nothing is prepared on the server and nothing is set for a session: a pooler may be in between."""
    return create_engine(
        url,
        connect_args={"connect_timeout": max(2, round(seconds)), "prepare_threshold": None},
        pool_size=_MOST_CONNECTIONS,
        max_overflow=0,
        pool_timeout=seconds,
        hide_parameters=True,
    )


@contextlib.contextmanager
def told(seconds: float) -> Iterator[None]:
    """Turn what SQLAlchemy and the driver raise into an error without secrets."""
    try:
        yield
    except DBAPIError as error:
        said = str(error.orig).strip().splitlines() or [type(error.orig).__name__]
        raise LedgerError(f"the database: {said[0][:_WORDS]}") from None
    except SQLAlchemyError as error:
        raise LedgerError(f"the database: {type(error).__name__} within {seconds:g} s") from None
    except (UnicodeError, OverflowError) as error:
        raise LedgerError(f"the database: {type(error).__name__}") from None


@contextlib.contextmanager
def _bounded(connection: Connection, seconds: float) -> Iterator[None]:
    """Shut the connection's socket when the block lasts longer than so many seconds."""
    number = getattr(connection.connection.dbapi_connection, "fileno", None)
    if number is None:
        yield  # SQLite waits for a lock no longer than it was told to
        return
    timer = threading.Timer(seconds, _shut, args=(number(),))
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()  # the socket's number may be another's from here on


def _shut(number: int) -> None:
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(number)) as connection:
        connection.shutdown(socket.SHUT_RDWR)
