"""The ledger's tables, made and changed by Alembic: forward only, and while others write.

A migration only adds (expand); what an older release does not need any more is taken away when no release that needs it
is supported (contract). So the release before this one goes on with the tables of this one, and `migrate` leaves tables
alone that a newer release has made.
"""

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Column, Connection, MetaData, String, Table, func, inspect, select

from .database import Database
from .errors import LedgerError
from .schema import REVISION, VERSION_TABLE

if TYPE_CHECKING:
    from alembic.config import Config

_LOCK = 0x51C1CE
"""Who migrates holds this advisory lock of PostgreSQL: two operators may start at once."""
_MOST_WAIT = "SET LOCAL lock_timeout = '3s'"
"""A change that waits for a table would otherwise keep all others waiting behind it."""
_WORDS = 300
_STARTS = 30.0
"""Seconds that a process may take to start and to end, beside what it does."""
_VERSION = Table(VERSION_TABLE, MetaData(), Column("version_num", String(32), primary_key=True))


def migrate(url: str, *, seconds: float = 60.0) -> None:
    """Bring the tables of a database to what this release needs; nothing where they are there.

    Args:
        url: Of the database.
        seconds: How long it may take.

    Raises:
        LedgerError: It was not done, and nothing was changed: call it again.
    """
    with closing(Database(url, seconds=seconds)) as database, database.writing() as connection:
        if database.is_postgresql:
            connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
            connection.exec_driver_sql(_MOST_WAIT)
        if _revision(connection) != REVISION:
            _upgrade(connection)


def ensure(url: str, *, seconds: float = 60.0) -> None:
    """The same in a process of its own, for one that lives long: what migrates is gone from memory afterwards.

    Args:
        url: Of the database.
        seconds: How long it may take.

    Raises:
        LedgerError: It was not done, and nothing was changed: call it again.
    """
    with closing(Database(url, seconds=seconds)) as database, database.reading() as connection:
        if _revision(connection) == REVISION:
            return
    command = [sys.executable, "-P", "-m", "sluice_operator.ledger", "migrate"]
    environment = {**os.environ, "SLUICE_LEDGER_URL": url}
    try:
        subprocess.run(
            command,
            env=environment,
            check=True,
            timeout=seconds + _STARTS,
            stdin=subprocess.DEVNULL,
            capture_output=True,
        )
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip().splitlines()
        raise LedgerError(said[-1].removeprefix("ledger: ")[:_WORDS] if said else "migrating ended badly") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LedgerError(f"migrating did not end: {type(error).__name__}") from None


def configuration() -> "Config":
    """Alembic's configuration: where migrations are."""
    from alembic.config import Config

    config = Config()
    here = Path(__file__).parent / "migrations"
    config.set_main_option("script_location", str(here).replace("%", "%%"))
    return config


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.scalar(select(_VERSION.c.version_num))


def _upgrade(connection: Connection) -> None:
    """Alembic is imported where it is needed: most starts need no migration, and it takes memory."""
    from alembic import command
    from alembic.script import ScriptDirectory

    config = configuration()
    config.attributes["connection"] = connection
    ours = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if _revision(connection) in (None, *ours):
        command.upgrade(config, "head")
