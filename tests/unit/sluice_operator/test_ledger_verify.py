"""Whatever somebody who owns the database does to a ledger is found, and the row is named."""

import hashlib
import shutil
import sqlite3
import sys

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from ledgers import entry, faults, fresh, tampering, url_of

from sluice_operator.ledger.record import Head, digest, link
from sluice_operator.ledger.store import Ledger
from sluice_operator.ledger.verify import MOST_FAULTS, Fault, verify

LAST = 10
ERASED = 4
PLACES = st.integers(1, LAST)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A ledger of ten records, the last of which says that the name in the fourth was erased."""
    path = tmp_path_factory.mktemp("kept") / "ledger.db"
    ledger = fresh(path)
    ledger.append([entry(number, person=f"user-{number}") for number in range(1, LAST)])
    ledger.erase(*ledger.commitments_of(f"user-{ERASED}"), actor={"kind": "User"}, reason="asked for it")
    ledger.close()
    return path


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """Another chain about the same things."""
    path = tmp_path_factory.mktemp("other") / "ledger.db"
    ledger = fresh(path)
    ledger.append([entry(number) for number in range(1, LAST + 1)])
    ledger.close()
    return path


@pytest.fixture(scope="module")
def copy(kept, tmp_path_factory):
    """Where each example has its own copy."""
    path = tmp_path_factory.mktemp("copies") / "ledger.db"

    def made():
        for beside in ("", "-wal", "-shm"):
            path.with_name(path.name + beside).unlink(missing_ok=True)
        return shutil.copyfile(kept, path)

    return made


def told(path, checkpoint=None):
    ledger = Ledger.open(url_of(path))
    try:
        return faults(ledger, checkpoint)
    finally:
        ledger.close()


def named(path, checkpoint=None):
    return {fault.seq for fault in told(path, checkpoint)}


def head_of(path):
    ledger = Ledger.open(url_of(path))
    try:
        return ledger.head()
    finally:
        ledger.close()


def test_what_nobody_touched_is_whole(kept, other):
    assert told(kept, head_of(kept)) == []
    assert told(other, head_of(other)) == []


COLUMNS = [
    *(("ledger_records", name) for name in ("seq", "id", "time", "namespace", "model", "version", "text")),
    *(("ledger_personal", name) for name in ("commitment", "seq", "salt", "value")),
]


@given(column=st.sampled_from(COLUMNS), place=PLACES, at=st.integers(0, 10**6))
def test_a_flipped_bit_is_found(copy, column, place, at):
    path, (table, name) = copy(), column
    with tampering(path) as database:
        asked = f"SELECT rowid, typeof({name}), CAST({name} AS BLOB) FROM {table} WHERE seq = ?"
        (row, kind, value), *_ = database.execute(asked, (place,)).fetchall() or [(0, "null", b"")]
        assume(kind != "null")
        bits = bytearray(value if kind == "text" else int(value).to_bytes(8, "big"))
        assume(bits)
        at %= 8 * len(bits)
        bits[at // 8] ^= 1 << at % 8
        changed = f"UPDATE {table} SET {name} = CAST(? AS TEXT) WHERE rowid = ?"
        new = bytes(bits)
        if kind == "integer":
            changed = f"UPDATE {table} SET {name} = ? WHERE rowid = ?"
            new = int.from_bytes(bits, "big", signed=True)
        try:
            database.execute(changed, (new, row))
        except sqlite3.IntegrityError:
            assume(False)  # another row has that key
    assert place in named(path)


@given(name=st.sampled_from(["chain", "seq", "digest"]), at=st.integers(0, 10**6))
def test_a_flipped_bit_of_the_head_is_found(copy, name, at):
    path = copy()
    with tampering(path) as database:
        ((value,),) = database.execute(f"SELECT {name} FROM ledger_head").fetchall()
        if name == "seq":
            new = value ^ (1 << at % 40)
        else:
            at %= 7 * len(value)
            new = value[: at // 7] + chr(ord(value[at // 7]) ^ (1 << at % 7)) + value[at // 7 + 1 :]
        database.execute(f"UPDATE ledger_head SET {name} = ?", (new,))
    assert told(path)


@given(PLACES)
def test_a_deleted_record_is_found(copy, place):
    path = copy()
    with tampering(path) as database:
        database.execute("DELETE FROM ledger_records WHERE seq = ?", (place,))
    assert place in named(path)


@given(PLACES, PLACES)
def test_records_in_another_order_are_found(copy, one, another):
    assume(one != another)
    path = copy()
    with tampering(path) as database:
        database.execute("UPDATE ledger_records SET seq = -seq WHERE seq IN (?, ?)", (one, another))
        database.execute("UPDATE ledger_records SET seq = ? WHERE seq = ?", (another, -one))
        database.execute("UPDATE ledger_records SET seq = ? WHERE seq = ?", (one, -another))
    assert {one, another} <= named(path)


@given(PLACES)
def test_an_inserted_record_is_found(copy, place):
    path = copy()
    with tampering(path) as database:
        database.execute(
            "INSERT INTO ledger_records SELECT ?, id || 'x', time, namespace, model, version, text"
            " FROM ledger_records WHERE seq = ?",
            (LAST + 1, place),
        )
    assert LAST + 1 in named(path)


@given(st.integers(1, LAST - 1))
def test_an_end_that_was_cut_off_is_found_by_a_checkpoint(copy, kept, left):
    path = copy()
    with tampering(path) as database:
        database.execute("DELETE FROM ledger_records WHERE seq > ?", (left,))
        database.execute("DELETE FROM ledger_personal WHERE seq > ?", (left,))
    assert left + 1 in named(path), "the database's own head tells"
    head = rehead(path)
    assert head.seq == left
    assert left + 1 in named(path, head_of(kept))


@given(PLACES)
def test_a_chain_that_was_made_anew_is_found_by_a_checkpoint(copy, kept, place):
    """Whoever has the database can change a record and all that follow: only what is kept elsewhere shows it."""
    path, known = copy(), head_of(kept)
    ledger = Ledger.open(url_of(path))
    with ledger.whole() as whole:
        records = list(whole.records())
    ledger.close()
    with tampering(path) as database:
        before = Head(known.chain, 0, records[0].prev)
        for record in records:
            text = record.text.replace(record.prev, before.digest)
            if record.seq == place:
                text = text.replace('"schema":1', '"schema":2')
            database.execute("UPDATE ledger_records SET text = ? WHERE seq = ?", (text, record.seq))
            before = Head(known.chain, record.seq, hashlib.sha256(text.encode()).hexdigest())
        database.execute("UPDATE ledger_head SET digest = ?", (before.digest,))
    assert told(path) == []
    assert named(path, known) == {LAST}


@given(st.integers(2, LAST))
def test_two_chains_that_were_spliced_are_found(copy, other, place):
    path = copy()
    with tampering(path) as database:
        database.execute("ATTACH ? AS other", (str(other),))
        for table in ("ledger_records", "ledger_personal"):
            database.execute(f"DELETE FROM {table} WHERE seq >= ?", (place,))
            database.execute(f"INSERT INTO {table} SELECT * FROM other.{table} WHERE seq >= ?", (place,))
    assert place in named(path)
    rehead(path)
    assert named(path)


@given(st.integers(1, LAST - 1), st.sampled_from(["value", "salt"]))
def test_a_personal_value_that_was_changed_is_found(copy, place, name):
    assume(place != ERASED)
    path = copy()
    with tampering(path) as database:
        database.execute(f"UPDATE ledger_personal SET {name} = 'somebody else' WHERE seq = ?", (place,))
    assert named(path) == {place}


@given(st.integers(1, LAST - 1))
def test_a_personal_value_that_is_gone_without_a_record_is_found(copy, place):
    assume(place != ERASED)
    path = copy()
    with tampering(path) as database:
        database.execute("UPDATE ledger_personal SET value = NULL, salt = NULL WHERE seq = ?", (place,))
    assert named(path) == {place}


def test_a_changed_record_is_told_apart_from_the_one_behind_it(copy):
    path = copy()
    with tampering(path) as database:
        database.execute(
            "UPDATE ledger_records SET text = replace(text, '\"weight\":25', '\"weight\":26') WHERE seq = 5"
        )
    assert told(path) == [Fault(5, "was changed after it was recorded")]


def test_a_checkpoint_of_another_chain_is_told(kept, other):
    (fault,) = told(kept, head_of(other))
    assert fault.seq == LAST


def test_the_first_thousand_faults_are_enough():
    """Faults of a file of rubbish do not fill the memory, and it is not read to its end."""
    rubbish = (Fault(seq, "cannot be read") for seq in range(1, 10**12))
    assert len(verify(rubbish)) == MOST_FAULTS


def test_however_long_a_chain_is_only_its_last_record_is_remembered(kept):
    ledger = Ledger.open(url_of(kept))
    records = ledger.records()
    ledger.close()
    holders = []

    def one_by_one():
        for place in range(LAST):
            if place > 1:
                holders.append(sys.getrefcount(records[place - 2]))
            yield records[place]

    assert verify(one_by_one()) == []
    assert set(holders) == {sys.getrefcount(records[0])}


def test_records_that_are_told_twice_or_backwards_are_found(kept):
    ledger = Ledger.open(url_of(kept))
    records = ledger.records()
    ledger.close()
    assert verify([*records, records[-1]]) == [Fault(LAST, f"comes after record {LAST}")]
    assert {fault.seq for fault in verify(records[::-1])} >= set(range(1, LAST))


def test_a_record_from_before_the_one_in_front_of_it_is_found(kept):
    ledger = Ledger.open(url_of(kept))
    first, second, *_ = ledger.records()
    ledger.close()
    after = Head(second.chain, 2, digest(second))
    past = link(entry(3, person=None), after=after, recorded=first.recorded.replace(year=2000), salt=str)
    assert verify([first, second, past]) == [Fault(3, "was recorded before the one in front of it")]


def rehead(path):
    """Let the head be the last record, as whoever cuts the end off would."""
    ledger = Ledger.open(url_of(path))
    *_, last = ledger.records()
    ledger.close()
    with tampering(path) as database:
        database.execute("UPDATE ledger_head SET seq = ?, digest = ?", (last.seq, digest(last)))
    return Head(last.chain, last.seq, digest(last))
