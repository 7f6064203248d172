"""What a record is: canonical JSON, linked by digests, with commitments in the place of what is personal."""

import hashlib
import json
import math
import re
import secrets
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st
from ledgers import BEGAN, entry

from sluice_operator.ledger.entry import Personal
from sluice_operator.ledger.errors import EntryError
from sluice_operator.ledger.lines import from_line, line
from sluice_operator.ledger.record import GENESIS, MOST_BYTES, Head, Record, canonical, check, digest, link, read
from sluice_operator.ledger.verify import Fault, verify

PAGE = Path(__file__).parents[3] / "docs" / "ledger.md"
START = Head(chain="3f1c", seq=0, digest=GENESIS)
KEYS = st.text(max_size=12) | st.sampled_from(["$personal", "$$personal", "$", "$$"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.builds(Personal, st.text()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(KEYS, JSON, max_size=4)


def recorded(one, *, after=START):
    return link(one, after=after, recorded=BEGAN, salt=lambda: secrets.token_hex(32))


def plain(value):
    """What readers are to see of a value."""
    if isinstance(value, Personal):
        return plain(value.value).replace("\0", "\ufffd")
    if isinstance(value, dict):
        return {plain(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, float):
        return json.loads(rfc8785.dumps(value)) if math.isfinite(value) else None
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**53:
        return str(value)
    return value


def test_a_record_says_what_happened_and_where_it_is_in_its_chain():
    record = recorded(entry(7))
    document = json.loads(canonical(record))
    assert document.keys() == {
        *("schema", "chain", "seq", "id", "time", "recorded", "type", "subject", "actor", "body", "prev")
    }
    assert (document["schema"], document["chain"], document["seq"], document["prev"]) == (1, "3f1c", 1, GENESIS)
    assert document["time"] == "2026-03-03T12:00:07.000000Z"
    assert document["subject"] == entry(7).subject
    assert record.time == BEGAN + timedelta(seconds=7)
    assert record.actor == {"kind": "User", "name": "alice@example.com"}


def test_it_is_hashed_in_its_canonical_form():
    record = recorded(entry(7))
    assert canonical(record) == rfc8785.dumps(json.loads(canonical(record)))
    assert digest(record) == hashlib.sha256(canonical(record)).hexdigest()


def test_the_next_one_holds_its_digest():
    first = recorded(entry(1))
    second = recorded(entry(2), after=Head("3f1c", 1, digest(first)))
    assert (second.seq, second.prev) == (2, digest(first))


def test_what_is_personal_is_not_in_what_is_hashed():
    record = recorded(entry(1, person="alice@example.com"))
    assert "alice" not in record.text
    (commitment,) = record.openings
    assert commitment in record.text


def test_the_same_person_is_another_commitment_each_time():
    both = {commitment for number in (1, 2) for commitment in recorded(entry(number)).openings}
    assert len(both) == 2


def test_an_erased_value_is_null_and_the_record_as_it_was():
    record = recorded(entry(1))
    erased = read(record.text, dict.fromkeys(record.openings))
    assert erased.actor == {"kind": "User", "name": None}
    assert digest(erased) == digest(record)


def test_openings_must_be_those_of_the_record():
    record = recorded(entry(1))
    with pytest.raises(ValueError, match="not those that it names"):
        read(record.text, {})
    with pytest.raises(ValueError, match="not those that it names"):
        read(record.text, {**record.openings, GENESIS: None})


@given(OBJECTS, OBJECTS)
def test_whatever_is_recorded_is_read_again(actor, body):
    record = recorded(replace(entry(1), actor=actor, body=body))
    assert record.actor == plain(actor)
    assert record.body == plain(body)
    again = from_line(line(record).decode())
    assert again == record
    assert isinstance(again, Record)
    assert digest(again) == digest(record)
    assert not verify([record])


def test_unknown_types_and_keys_survive():
    unknown = replace(entry(1), type="sluice.dev/FromTheFuture", body={"nobody": {"knows": [1, None, "this"]}})
    assert recorded(unknown).body == unknown.body
    record = recorded(replace(unknown, actor={}))
    newer = rfc8785.dumps({**json.loads(record.text), "schema": 2, "witness": "x"}).decode()
    assert read(newer, {}).schema == 2
    assert "witness" in read(newer, {}).text


def test_a_time_is_told_in_utc_whatever_zone_it_came_in():
    local = datetime(2026, 3, 3, 14, 0, 0, 5, tzinfo=timezone(timedelta(hours=2)))
    record = recorded(replace(entry(1), time=local))
    assert '"time":"2026-03-03T12:00:00.000005Z"' in record.text


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"body": {"text": "x" * MOST_BYTES}}, "at most 65536"),
        ({"body": {"bytes": b"x"}}, "a bytes is not JSON"),
        ({"body": {1: "x"}}, "a key of an object is text"),
        ({"subject": {"owner": Personal("alice")}}, "no personal values"),
        ({"id": ""}, "id: expected"),
        ({"id": "x" * 201}, "id: expected"),
        ({"id": "x\0"}, "id: expected"),
        ({"type": "x" * 101}, "type: expected"),
        ({"time": datetime(2026, 3, 3)}, "without a time zone"),
        ({"time": datetime.max.replace(tzinfo=timezone(-timedelta(hours=2)))}, "beyond the calendar"),
    ],
)
def test_what_cannot_be_recorded_is_refused(wrong, why):
    with pytest.raises(EntryError, match=why):
        check(replace(entry(1), **wrong))


def test_what_has_no_end_is_refused():
    endless = {}
    endless["again"] = endless
    with pytest.raises(EntryError, match="deeper than 32"):
        check(replace(entry(1), body=endless))


def test_what_is_checked_fits_anywhere_in_any_chain():
    overhead = len(canonical(recorded(replace(entry(1), body={"text": ""}))))
    largest = replace(entry(1), body={"text": "x" * (MOST_BYTES - overhead - 64)})
    check(largest)
    recorded(largest, after=Head("c" * 36, 2**53 - 2, GENESIS))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "null",
        '{"record":{}}',
        '{"record":{},"personal":{}}',
        '{"record":{"a":1},"personal":',
        '{"record":' + "[" * 100_000,
        '{"record":{"seq":1},"personal":{"x":"y"}}',
        '{"fault":{"seq":"x","problem":""}}',
        '{"fault":1}',
        "x" * (1024**2 + 1),
    ],
)
def test_a_line_that_has_no_record_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        from_line(text)


def test_a_row_that_cannot_be_read_travels_as_what_is_wrong_with_it():
    fault = Fault(17, "cannot be read: ☠")
    assert from_line(line(fault).decode()) == fault


def test_whitespace_that_somebody_adds_to_a_line_is_part_of_what_is_hashed():
    record = recorded(replace(entry(1), actor={}))
    touched = line(record).decode().replace('"seq":1', '"seq": 1')
    assert digest(from_line(touched)) != digest(record)


@pytest.mark.parametrize(("touch", "status"), [(lambda text: text, 0), (lambda text: text.replace("25", "26", 1), 1)])
def test_the_program_in_the_documentation_verifies_an_export(touch, status):
    first = recorded(entry(1))
    second = recorded(entry(2), after=Head("3f1c", 1, digest(first)))
    (program,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    export = "".join(line(record).decode() for record in (first, second))

    done = subprocess.run(
        [sys.executable, "-c", program], input=touch(export), capture_output=True, text=True, check=False
    )

    assert done.returncode == status
    assert (f"2 {digest(second)}" in done.stdout) is (status == 0)


def test_the_clock_is_not_asked():
    """Records are made of what is given: two of the same entry and salts are the same."""
    made = [link(entry(1), after=START, recorded=datetime(2026, 1, 1, tzinfo=UTC), salt=lambda: GENESIS) for _ in "ab"]
    assert made[0] == made[1]
