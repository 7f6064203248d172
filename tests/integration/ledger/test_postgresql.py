"""The ledger on PostgreSQL: many writers, a server that goes away, tables that change under them."""

import os
import random
import signal
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest
from alembic import command
from sqlalchemy import create_engine

from sluice_operator.ledger.errors import LedgerError
from sluice_operator.ledger.migrate import configuration, migrate
from sluice_operator.ledger.moving import copy
from sluice_operator.ledger.schema import VERSION_TABLE
from sluice_operator.ledger.store import Ledger
from tests.unit.sluice_operator.support.ledgers import entry, faults, fresh

WRITERS = 50
NEXT_MIGRATION = '''
"""What the next release might do: a column that this one does not know, and an index."""
import sqlalchemy as sa
from alembic import op

revision = "v2_test"
down_revision = "v1"

def upgrade():
    op.add_column("ledger_records", sa.Column("witness", sa.Text))
    op.create_index("ledger_records_time", "ledger_records", ["time"])
'''


def ids(ledger):
    """How often each entry is recorded."""
    with ledger.whole() as whole:
        return Counter(record.id for record in whole.records())


def scalar(url, query):
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchone()[0]


def test_fifty_writers_make_one_chain_without_a_gap_and_nothing_twice(url):
    """Each writer has a connection of its own; every entry is appended by two of them."""
    together = threading.Barrier(WRITERS)

    def write(writer):
        ledger = Ledger.open(url, seconds=30)
        together.wait()
        for first in range(0, 40, 4):
            ledger.append([entry((writer // 2) * 1000 + number) for number in range(first, first + 4)])
        ledger.close()

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write, range(WRITERS)))

    ledger = Ledger.open(url)
    assert faults(ledger) == []
    assert ledger.head().seq == 25 * 40
    assert set(ids(ledger).values()) == {1}
    ledger.close()


def test_a_server_that_is_killed_and_started_again_loses_nothing_that_was_acknowledged(server, url):
    """The writers do what the operator does: they append again until they are told that it is recorded."""
    enough = threading.Event()
    acknowledged = [0] * 8

    def write(writer):
        ledger = Ledger.open(url)
        while not enough.is_set():
            try:
                ledger.append([entry(writer * 1_000_000 + acknowledged[writer])])
            except LedgerError:
                continue
            acknowledged[writer] += 1
        ledger.close()

    def at_work(more):
        wanted = [count + more for count in acknowledged]
        while any(count < want for count, want in zip(acknowledged, wanted, strict=True)):
            enough.wait(0.01)

    with ThreadPoolExecutor(8) as pool:
        writing = [pool.submit(write, writer) for writer in range(8)]
        try:
            for _ in range(5):
                at_work(5)
                server.kill()
                server.start()
            at_work(5)
        finally:
            enough.set()
        for one in writing:
            one.result()

    ledger = Ledger.open(url)
    assert faults(ledger) == []
    recorded = ids(ledger)
    assert set(recorded.values()) == {1}
    said = {f"uid-{writer * 1_000_000 + n}/1/Approved" for writer in range(8) for n in range(acknowledged[writer])}
    assert said <= recorded.keys()
    ledger.close()


def test_a_ledger_goes_on_with_a_server_that_was_away(server, url):
    ledger = Ledger.open(url)
    ledger.append([entry(1)])

    server.kill()
    with pytest.raises(LedgerError) as refused:
        ledger.append([entry(2, person="carla")])
    server.start()

    assert "carla" not in str(refused.value)
    assert [record.seq for record in ledger.append([entry(1), entry(2)])] == [1, 2]
    ledger.close()


@contextmanager
def head_locked(url, _ledger):
    """Somebody holds the head, and does not let go."""
    with psycopg.connect(url) as holder:
        holder.execute("SELECT * FROM ledger_head FOR UPDATE")
        yield
        holder.rollback()


@contextmanager
def server_stopped(url, _ledger):
    """The process that serves the ledger stands still: its kernel goes on acknowledging what it is sent."""
    query = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    pid = scalar(url, query)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("hindrance", [head_locked, server_stopped])
def test_no_append_waits_for_ever(url, hindrance):
    ledger = Ledger.open(url, seconds=0.5)
    ledger.append([entry(1)])

    with hindrance(url, ledger):
        try:
            ledger.append([entry(2)])
        except LedgerError:
            pass
        else:
            # One standing process keeps nobody from a new connection: the second try may do it.
            assert hindrance is server_stopped

    assert ledger.append([entry(2)])[0].seq == 2
    assert faults(ledger) == []
    ledger.close()


def test_tables_change_while_writers_write_and_those_go_on(url, tmp_path):
    """Expand first: what this release inserts fits the tables of the next one."""
    changed, stop = threading.Event(), threading.Event()
    (tmp_path / "v2_test.py").write_text(NEXT_MIGRATION)
    after = [0] * 4

    def write(writer):
        ledger = Ledger.open(url)
        number = 0
        while not stop.is_set():
            ledger.append([entry(writer * 1_000_000 + number)])
            number += 1
            after[writer] += changed.is_set()
        ledger.close()
        return number

    with ThreadPoolExecutor(4) as pool:
        writing = [pool.submit(write, writer) for writer in range(4)]
        try:
            upgrade(url, tmp_path)
            changed.set()
            while min(after) < 10 and not any(one.done() for one in writing):
                stop.wait(0.01)
        finally:
            stop.set()
        written = sum(one.result() for one in writing)

    ledger = Ledger.open(url)
    migrate(url)
    assert scalar(url, f"SELECT version_num FROM {VERSION_TABLE}") == "v2_test"
    assert ledger.head().seq == written
    assert faults(ledger) == []
    ledger.close()


def upgrade(url, directory):
    """Migrate as the next release would."""
    config = configuration()
    config.set_main_option("path_separator", "newline")
    ours = f"{config.get_main_option('script_location')}/versions"
    config.set_main_option("version_locations", f"{ours}\n{directory}")
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    engine.dispose()


def test_operators_that_start_at_once_make_the_tables_once(server):
    url = server.database()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(migrate, [url] * 6))

    ledger = Ledger.open(url)
    assert ledger.append([entry(1)])[0].seq == 1
    ledger.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_records SET text = ''",
        "DELETE FROM ledger_records",
        "TRUNCATE ledger_records",
        "UPDATE ledger_personal SET value = 'bob'",
        "UPDATE ledger_personal SET seq = 9, salt = NULL, value = NULL",
        "DELETE FROM ledger_personal",
        "TRUNCATE ledger_personal",
        "UPDATE ledger_head SET digest = ''",
        "UPDATE ledger_head SET seq = 0",
        "UPDATE ledger_head SET chain = 'other', seq = seq + 1",
        "DELETE FROM ledger_head",
        "TRUNCATE ledger_head",
    ],
)
def test_the_database_refuses_what_is_no_append(ledger, url, statement):
    ledger.append([entry(1)])

    with psycopg.connect(url) as connection, pytest.raises(psycopg.errors.RaiseException, match="only appended to"):
        connection.execute(statement)


def test_an_erased_name_is_gone_and_the_chain_is_whole(ledger, url):
    ledger.append([entry(1, person="carla"), entry(2, person="dora")])
    before = ledger.head()

    ledger.erase(*ledger.commitments_of("carla"), actor={"kind": "User"}, reason="asked for it")

    assert faults(ledger, before) == []
    assert [record.actor.get("name") for record in ledger.records()] == [None, "dora", None]
    assert scalar(url, "SELECT n_dead_tup FROM pg_stat_user_tables WHERE relname = 'ledger_personal'") == 0


def test_what_metrics_and_objects_may_have_in_them_can_be_recorded(ledger):
    hostile = {"\0": "\0", "$personal": "x", "nan": float("nan"), "big": 2**80, "half": "\ud800", "quote": "'; DROP"}

    (record,) = ledger.append([entry(1, person="a\0b", **hostile)])

    assert ledger.records() == [record]
    assert record.body["\0"] == "\0"
    assert faults(ledger) == []


def test_a_chain_moves_from_sqlite_to_postgresql_as_it_is(server, tmp_path):
    source = fresh(tmp_path / "ledger.db")
    numbers = random.Random(1).sample(range(10_000), 1200)
    for first in range(0, len(numbers), 400):
        source.append([entry(number, person=f"user-{number}") for number in numbers[first : first + 400]])
    source.erase(*source.commitments_of(f"user-{numbers[0]}"), actor={}, reason="asked for it")
    url = server.database()
    migrate(url)
    target = Ledger.open(url)

    head = copy(source, target)

    assert head == target.head() == source.head()
    assert faults(target, head) == []
    assert target.append([entry(99_999)])[0].prev == head.digest
    for ledger in (source, target):
        ledger.close()


def test_a_wrong_password_is_an_error_that_does_not_show_it(url):
    before, _, after = url.partition("@")
    wrong = f"{before}-wrong-secret@{after}"

    with pytest.raises(LedgerError, match="password authentication failed") as refused:
        Ledger.open(wrong).head()

    assert "wrong-secret" not in str(refused.value)
