"""Appending and reading on SQLite: one chain, nothing twice, nothing changed, personal values erased."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from ledgers import BEGAN, entry, faults, fresh, tampering, url_of
from sqlalchemy import Engine, event

from sluice_operator.ledger.errors import EntryError, LedgerError
from sluice_operator.ledger.migrate import migrate
from sluice_operator.ledger.moving import copy
from sluice_operator.ledger.personal import Personal
from sluice_operator.ledger.record import GENESIS, MOST_BYTES, Head, digest
from sluice_operator.ledger.store import MOST_AT_ONCE, Ledger
from sluice_operator.ledger.verify import ERASED, Fault


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ledger.db"


@pytest.fixture
def ledger(path):
    made = fresh(path)
    yield made
    made.close()


def test_an_empty_ledger_has_no_chain_yet(ledger):
    assert ledger.head() == Head("", 0, GENESIS)
    assert ledger.records() == []
    assert faults(ledger) == []


def test_the_first_record_gives_the_chain_its_id(ledger):
    (record,) = ledger.append([entry(1)])

    assert len(record.chain) == 36
    assert ledger.head() == Head(record.chain, 1, digest(record))


def test_a_chain_may_be_given_its_id_and_no_other_is_written_to(path):
    ours = fresh(path, chain="cluster-1")
    ours.append([entry(1)])

    with pytest.raises(LedgerError, match="another installation: chain cluster-1"):
        Ledger.open(url_of(path), chain="cluster-2").append([entry(2)])
    assert ours.head().seq == 1


def test_records_are_read_as_they_were_appended(ledger):
    appended = ledger.append([entry(1), entry(2)]) + ledger.append([entry(3)])

    assert ledger.records() == appended
    assert [record.seq for record in appended] == [1, 2, 3]
    assert [record.prev for record in appended] == [GENESIS, *map(digest, appended[:-1])]
    assert appended[0].actor == {"kind": "User", "name": "alice@example.com"}


def test_what_is_appended_again_is_recorded_once(ledger):
    first = ledger.append([entry(1), entry(2)])

    again = ledger.append([entry(2), entry(3), entry(3), entry(1)])

    assert [record.seq for record in again] == [2, 3, 3, 1]
    assert (again[0], again[3]) == (first[1], first[0])
    assert ledger.head().seq == 3


def test_one_entry_that_cannot_be_recorded_keeps_the_others_of_its_group_out(ledger):
    with pytest.raises(EntryError, match=f"at most {MOST_BYTES}"):
        ledger.append([entry(1), entry(2, text="x" * MOST_BYTES)])

    assert ledger.head().seq == 0


def test_a_group_is_bounded(ledger):
    with pytest.raises(ValueError, match="at most 1000"):
        ledger.append([entry(number) for number in range(MOST_AT_ONCE + 1)])
    assert len(ledger.append([entry(number) for number in range(MOST_AT_ONCE)])) == MOST_AT_ONCE


def test_a_clock_that_goes_back_does_not_take_the_record_with_it(path):
    times = iter([BEGAN, BEGAN - timedelta(hours=1), BEGAN + timedelta(hours=1)])
    ledger = fresh(path, clock=lambda: next(times))

    recorded = [ledger.append([entry(number)])[0].recorded for number in range(3)]

    assert recorded == [BEGAN, BEGAN, BEGAN + timedelta(hours=1)]
    assert faults(ledger) == []


def test_when_something_happened_is_told_apart_from_when_it_was_recorded(ledger):
    late = replace(entry(1), time=datetime(2020, 1, 1, tzinfo=UTC))

    (record,) = ledger.append([late])

    assert record.time == late.time
    assert record.recorded > late.time


@pytest.mark.parametrize(
    "asked",
    [{}, {"namespace": "team"}, {"namespace": "team", "model": "model-1"}, {"namespace": "team", "version": "1"}],
)
def test_no_page_is_sorted_out_of_all_that_there_is(ledger, path, asked):
    statements = []

    def told(_connection, _cursor, text, values, *_more):
        statements.append((text, values))

    event.listen(Engine, "before_cursor_execute", told)
    ledger.records(**asked)
    event.remove(Engine, "before_cursor_execute", told)

    with closing(sqlite3.connect(path)) as database:
        text, values = next(one for one in statements if "FROM ledger_records" in one[0])
        plan = str(database.execute(f"EXPLAIN QUERY PLAN {text}", values).fetchall())
    assert "SEARCH ledger_records" in plan
    assert "TEMP B-TREE" not in plan


def test_records_are_found_by_what_they_are_about(ledger):
    ledger.append([entry(number) for number in range(12)])

    def places(**asked):
        return [record.seq for record in ledger.records(**asked)]

    assert places(model="model-1") == [2, 5, 8, 11]
    assert places(namespace="team", model="model-1", version="1.4.0") == [5]
    assert places(namespace="others") == []
    assert places(after_seq=4, limit=2) == [5, 6]
    assert places(until=BEGAN + timedelta(seconds=2)) == [1, 2, 3]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_records SET text = ''",
        "DELETE FROM ledger_records",
        "UPDATE ledger_personal SET value = 'bob'",
        "UPDATE ledger_personal SET seq = 9, salt = NULL, value = NULL",
        "DELETE FROM ledger_personal",
        "UPDATE ledger_head SET digest = ''",
        "UPDATE ledger_head SET seq = 0",
        "UPDATE ledger_head SET chain = 'other', seq = seq + 1",
        "DELETE FROM ledger_head",
    ],
)
def test_the_database_refuses_what_is_no_append(ledger, path, statement):
    ledger.append([entry(1)])

    with (
        closing(sqlite3.connect(path)) as database,
        pytest.raises(sqlite3.IntegrityError, match=r"never|only"),
    ):
        database.execute(statement)


def test_an_erased_name_is_nowhere_in_the_database_and_the_chain_is_whole(ledger, path):
    ledger.append([entry(1, person="carla"), entry(2, person="dora"), entry(3, person="carla")])
    before = ledger.head()
    commitments = ledger.commitments_of("carla")

    record = ledger.erase(*commitments, actor={"kind": "User"}, reason="asked for it")

    assert (record.seq, record.type, record.body["commitments"]) == (4, ERASED, commitments)
    assert [one.actor.get("name") for one in ledger.records()] == [None, "dora", None, None]
    assert ledger.commitments_of("carla") == []
    assert faults(ledger, before) == []
    files = [file.read_bytes() for file in path.parent.iterdir()]
    assert any(b"dora" in content for content in files)
    assert not any(b"carla" in content for content in files)


def test_sentences_that_name_a_person_are_erased_with_the_name(ledger):
    sentences = ("Aborted: ann: so it is", "(ann) has agreed", "it was ann.", "bob, for ann-marie", "joanna did")
    ledger.append([entry(n, person="ann", why=Personal(said)) for n, said in enumerate(sentences)])
    ledger.append([entry(9, person="system:serviceaccount:team:ann"), entry(10, person="ann@example.com")])

    ledger.erase(*ledger.commitments_of("ann"), actor={"name": Personal("dpo")}, reason="request 17")

    left = [record.body.get("why") for record in ledger.records()][:5]
    assert left == [None, None, None, "bob, for ann-marie", "joanna did"]
    names = [record.actor["name"] for record in ledger.records()]
    assert names == [None] * 5 + ["system:serviceaccount:team:ann", "ann@example.com", "dpo"]
    assert ledger.commitments_of("ann") == []
    assert faults(ledger) == []


@pytest.mark.parametrize("name", ["a%", "a_b", "a/b", "o'hara", "(", "a.b@c.d", "Ann Lee", "\\"])
def test_a_name_is_no_pattern(ledger, name):
    ledger.append([entry(1, person=name), entry(2, person="axb"), entry(3, person="aXb@cXd")])

    ledger.erase(*ledger.commitments_of(name), actor={"name": Personal("dpo")}, reason="request 17")

    assert [record.actor["name"] for record in ledger.records()] == [None, "axb", "aXb@cXd", "dpo"]


def test_whoever_reads_meanwhile_keeps_the_disk_from_forgetting_and_that_is_told(path):
    ledger = fresh(path)
    ledger.append([entry(1, person="carla")])
    reader = Ledger.open(url_of(path))
    hasty = Ledger.open(url_of(path), seconds=0.1)

    with reader.whole() as whole:
        assert len(list(whole.records())) == 1
        with pytest.raises(LedgerError, match="somebody is reading"):
            hasty.erase(*ledger.commitments_of("carla"), actor={}, reason="asked for it")
    ledger.purge()

    assert ledger.commitments_of("carla") == []
    assert not any(b"carla" in file.read_bytes() for file in path.parent.iterdir())
    assert faults(ledger) == []
    for one in (ledger, reader, hasty):
        one.close()


def test_an_erasure_that_cannot_be_recorded_erases_nothing(ledger):
    ledger.append([entry(1, person="carla")])

    with pytest.raises(EntryError):
        ledger.erase(*ledger.commitments_of("carla"), actor={}, reason="x" * MOST_BYTES)

    assert len(ledger.commitments_of("carla")) == 1


def test_a_row_that_cannot_be_read_is_told_and_the_others_are_read(ledger, path):
    ledger.append([entry(number) for number in range(3)])
    with tampering(path) as database:
        database.execute("UPDATE ledger_records SET text = 'rubbish' WHERE seq = 2")

    first, second, third = ledger.records()

    assert isinstance(second, Fault)
    assert (first.seq, second.seq, third.seq) == (1, 2, 3)


@pytest.mark.parametrize(
    "spoilt", ["DELETE FROM ledger_head", "UPDATE ledger_head SET seq = 'x'", "UPDATE ledger_head SET chain = x'00ff'"]
)
def test_a_head_that_cannot_be_read_is_told(ledger, path, spoilt):
    ledger.append([entry(1)])
    with tampering(path) as database:
        database.execute(spoilt)

    for asked in (ledger.head, lambda: faults(ledger), lambda: ledger.append([entry(2)])):
        with pytest.raises(LedgerError, match="the ledger is damaged: where its chain ends cannot be read"):
            asked()


def test_whoever_verifies_sees_one_moment_while_others_write(ledger):
    ledger.append([entry(1)])

    with ledger.whole() as whole:
        ledger.append([entry(2)])
        seen = [record.seq for record in whole.records()]

    assert (seen, whole.head.seq) == ([1], 1)


def test_writers_side_by_side_make_one_chain(ledger):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: ledger.append([entry(number), entry(number + 1)]), range(40)))

    assert ledger.head().seq == 41
    assert faults(ledger) == []


def test_a_copy_is_the_same_chain(ledger, tmp_path):
    ledger.append([entry(number, person=f"user-{number}") for number in range(1000)])
    ledger.append([entry(number) for number in range(1000, 1100)])
    ledger.erase(*ledger.commitments_of("user-3"), actor={}, reason="asked for it")
    target = fresh(tmp_path / "other.db")

    head = copy(ledger, target)

    assert head == ledger.head() == target.head()
    assert target.records(after_seq=1000) == ledger.records(after_seq=1000)
    assert faults(target, head) == []
    target.append([entry(5000)])
    assert target.head().seq == head.seq + 1


def test_a_chain_that_is_not_whole_is_not_copied(ledger, path, tmp_path):
    ledger.append([entry(number) for number in range(3)])
    with tampering(path) as database:
        database.execute("DELETE FROM ledger_records WHERE seq = 2")
    target = fresh(tmp_path / "other.db")

    with pytest.raises(LedgerError, match="record 2: is missing"):
        copy(ledger, target)

    assert target.head().seq == 0


def test_a_chain_is_not_copied_over_another_one(ledger, tmp_path):
    ledger.append([entry(1)])
    target = fresh(tmp_path / "other.db")
    target.append([entry(2)])

    with pytest.raises(LedgerError, match="there are records already"):
        copy(ledger, target)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ledger.db",
        "mysql://host/name",
        "redis://:secret@host",
        "postgresql://a:secret@host:port/name",
        "sqlite:////tmp/ledger.db?timeout=secret",
        "sqlite:////tmp/ledger.db?detect_types=secret",
    ],
)
def test_what_is_not_the_url_of_such_a_database_is_refused(url):
    with pytest.raises(LedgerError) as refused:
        Ledger.open(url)
    assert "secret" not in str(refused.value)


def test_a_host_that_nobody_can_have_is_an_error_of_the_ledger():
    ledger = Ledger.open("postgresql://a:secret@\u0130\ud800/name", seconds=0.1)

    with pytest.raises(LedgerError, match="UnicodeError") as raised:
        ledger.head()
    assert "secret" not in str(raised.value)


def test_a_database_that_is_not_there_is_an_error_of_one_line(tmp_path):
    away = Ledger.open(url_of(tmp_path / "missing" / "ledger.db"), seconds=0.1)

    for asked in (away.head, away.records, lambda: away.append([entry(1, person="carla")])):
        with pytest.raises(LedgerError, match="unable to open") as refused:
            asked()
        assert "\n" not in str(refused.value)
        assert "carla" not in str(refused.value)


def test_a_database_that_another_process_holds_is_waited_for_no_longer_than_was_said(path):
    fresh(path).close()
    ledger = Ledger.open(url_of(path), seconds=0.1)

    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerError, match="locked"):
            ledger.append([entry(1)])
        holder.execute("ROLLBACK")

    assert ledger.append([entry(1)])[0].seq == 1


def test_a_file_that_is_no_database_is_an_error(path):
    path.write_bytes(b"rubbish" * 1000)

    with pytest.raises(LedgerError, match="not a database"):
        Ledger.open(url_of(path)).head()
    with pytest.raises(LedgerError, match="not a database"):
        migrate(url_of(path))
