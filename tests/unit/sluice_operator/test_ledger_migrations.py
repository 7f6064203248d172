"""The ledger's tables: made once, the same as the code expects, and left alone where a newer release made them."""

import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from ledgers import entry, fresh, url_of
from sqlalchemy import create_engine

from sluice_operator.ledger.__main__ import main
from sluice_operator.ledger.errors import LedgerError
from sluice_operator.ledger.migrate import configuration, ensure, migrate
from sluice_operator.ledger.schema import METADATA, REVISION, VERSION_TABLE
from sluice_operator.ledger.store import Ledger


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ledger.db"


def test_the_tables_are_those_that_the_code_speaks_of(path):
    migrate(url_of(path))
    engine = create_engine(url_of(path))

    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        differences = compare_metadata(context, METADATA)

    engine.dispose()
    assert differences == []


def test_the_newest_migration_is_the_one_that_the_code_asks_for():
    assert ScriptDirectory.from_config(configuration()).get_current_head() == REVISION


def test_migrating_again_changes_nothing(path):
    ledger = fresh(path)
    ledger.append([entry(1)])

    migrate(url_of(path))

    assert ledger.head().seq == 1


def test_tables_of_a_newer_release_are_left_alone(path):
    ledger = fresh(path)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(f"UPDATE {VERSION_TABLE} SET version_num = 'v99'")
        database.execute("ALTER TABLE ledger_records ADD COLUMN witness TEXT")

    migrate(url_of(path))

    assert ledger.append([entry(1)])[0].seq == 1


def test_a_ledger_without_tables_says_so(path):
    with pytest.raises(LedgerError, match="no such table"):
        Ledger.open(url_of(path)).append([entry(1)])


def test_migrations_do_not_touch_the_loggers_of_the_operator(path):
    """Alembic's usual env.py configures logging, which would take the operator's own away."""
    program = (
        "import logging, sys\n"
        "from sluice_operator.ledger.migrate import migrate\n"
        "before = logging.getLogger().handlers[:], logging.getLogger('sluice').disabled\n"
        "migrate(sys.argv[1])\n"
        "assert (logging.getLogger().handlers, logging.getLogger('sluice').disabled) == before\n"
    )
    subprocess.run([sys.executable, "-c", program, url_of(path)], check=True)


def test_who_runs_for_long_never_loads_alembic_also_where_it_makes_the_tables(path):
    program = (
        "import sys\n"
        "from sluice_operator.ledger.migrate import ensure\n"
        "from sluice_operator.ledger.store import Ledger\n"
        "ensure(sys.argv[1])\n"
        "ensure(sys.argv[1])\n"
        "Ledger.open(sys.argv[1]).head()\n"
        "assert not {'alembic', 'mako', 'sqlalchemy.orm', 'psycopg'} & sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", program, url_of(path)], check=True)


def test_a_migration_in_a_process_of_its_own_says_why_it_was_not_done_and_never_where(tmp_path):
    url = f"sqlite:///{tmp_path}/there-is-no-such-directory/ledger.db"

    with pytest.raises(LedgerError, match=r"^the database: unable to open database file$"):
        ensure(url)


def test_a_process_that_migrates_is_told_of_its_database_where_nobody_sees_it(path, monkeypatch):
    seen = []
    run = subprocess.run
    monkeypatch.setattr(subprocess, "run", lambda command, **more: seen.append(command) or run(command, **more))
    ensure(url_of(path))

    assert len(seen) == 1
    assert not any(url_of(path) in word for word in seen[0])


def test_the_command_makes_tables_copies_and_erases(path, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SLUICE_LEDGER_URL", url_of(path))
    monkeypatch.setenv("SLUICE_LEDGER_TARGET_URL", url_of(tmp_path / "target.db"))
    assert main(["migrate"]) == 0
    Ledger.open(url_of(path)).append([entry(1, person="carla"), entry(2, person="carla")])

    assert main(["erase", "carla", "--by", "dora", "--reason", "asked for it"]) == 0
    assert main(["copy"]) == 0

    target = Ledger.open(url_of(tmp_path / "target.db"))
    assert [record.actor["name"] for record in target.records()] == [None, None, "dora"]
    said = capsys.readouterr().out
    assert said.startswith("record 3: 2 values erased\n3 records of chain ")
    assert "carla" not in said


def test_the_command_says_in_one_line_what_is_wrong(path, monkeypatch, capsys):
    monkeypatch.delenv("SLUICE_LEDGER_TARGET_URL", raising=False)
    assert main(["copy"]) == 1
    assert capsys.readouterr().err == "ledger: SLUICE_LEDGER_TARGET_URL is not set: the URL of the database\n"

    monkeypatch.setenv("SLUICE_LEDGER_URL", url_of(path))
    assert main(["migrate"]) == 0
    assert main(["erase", "nobody", "--by", "dora", "--reason", "asked for it"]) == 1
    assert capsys.readouterr().err == "ledger: no record has this value\n"
