"""What is printed is harmless to terminals, short for people and stable for programs."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_operator.api.evidence import ComparisonStatus
from sluice_operator.api.gates import Gate, Limit, Query
from sluice_operator.api.status import GateStatus
from sluice_operator.cli.live.figures import comparison, reading, share
from sluice_operator.cli.output import clean, length, say_json


@given(st.text())
def test_cleaned_text_is_one_printable_line(text):
    assert clean(text).isprintable()
    assert len(clean(text)) == len(text)


def test_what_was_harmless_stays_as_it_was():
    assert clean("später: 5 % → 25 %") == "später: 5 % → 25 %"


@pytest.mark.parametrize(
    ("seconds", "wanted"), [(-3, "0s"), (59, "59s"), (119, "119s"), (120, "2m"), (7200, "2h"), (200_000, "2d")]
)
def test_lengths_are_told_in_the_greatest_unit_of_which_there_are_two(seconds, wanted):
    assert length(seconds) == wanted


@pytest.mark.parametrize(
    ("value", "wanted"), [(0, "0.0%"), (0.5, "50.0%"), (0.0004, "0.04%"), (0.000001, "<0.001%"), (1, "100.0%")]
)
def test_small_shares_are_told_from_nothing(value, wanted):
    assert share(value) == wanted


def test_a_document_says_what_it_is(capsys):
    say_json("Models", {"at": datetime(2026, 1, 1, tzinfo=UTC), "name": "\x1b[2J"})

    out = capsys.readouterr().out
    assert json.loads(out) == {
        "apiVersion": "cli.sluice.dev/v1",
        "kind": "Models",
        "at": "2026-01-01T00:00:00+00:00",
        "name": "\x1b[2J",
    }
    assert "\x1b" not in out


VALUE = Gate(name="depth", query=Query(value="depth"), limit=Limit(at_least=40))
COUNTS = Gate(name="errors", metric="error-rate", limit=Limit(above=0.1))


@pytest.mark.parametrize(
    ("gate", "said", "wanted"),
    [
        (COUNTS, {"value": 0.012, "requests": 1204, "limit": 0.1}, "1.2% of 1,204 requests, limit above 10.0%"),
        (COUNTS, {"requests": 3, "limit": 0.1}, "3 requests, limit above 10.0%"),
        (VALUE, {"value": 41.5, "limit": 40}, "41.5, limit at least 40"),
        (None, {"value": 0.5, "requests": 4, "limit": 0.1}, "50.0% of 4 requests, limit 0.1"),
        (None, {}, ""),
    ],
)
def test_a_gate_is_told_in_the_unit_of_what_it_counts(gate, said, wanted):
    status = GateStatus(name="any", verdict="Pass", message="", **said)

    assert reading(status, gate) == wanted


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ({"answer": "Unknown", "requests": 12}, "12 requests compared: cannot tell yet"),
        (
            {"answer": "Worse", "ratio": 3.21, "low": 1.5, "high": 7.0, "requests": 900},
            "x3.2 stable's odds (1.5 to 7) in 900: worse than stable",
        ),
        (
            {"answer": "Unknown", "ratio": 1.0, "low": 0.5, "requests": 90, "requestsNeeded": 1500},
            "x1 stable's odds (0.5 to ∞) in 90: cannot tell yet, about 1,500 more needed",
        ),
    ],
)
def test_a_comparison_is_told_with_its_interval(said, wanted):
    assert comparison(ComparisonStatus(**said)) == wanted
