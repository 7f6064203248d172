"""Durations are read and written in Go's spelling."""

import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_operator.api.base import DURATION_PATTERN, format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0s", 0), ("30s", 30), ("5m", 300), ("1h30m", 5400), ("250ms", 0.25), ("1m0s", 60), ("90m", 5400)],
)
def test_durations_are_read_as_go_reads_them(text, seconds):
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "5", "m5", "1.5h", "-5s", "5 s", "5s ", "5s\n", "5M", "1s1h", "\u0665s", None, 5])
def test_what_is_no_duration_is_refused_with_examples_of_one(text):
    with pytest.raises(ValueError, match="is not a duration such as 30s, 5m or 250ms"):
        parse_duration(text)


@given(st.integers(0, 10_167 * 3_600_000).map(lambda millis: timedelta(milliseconds=millis)))
def test_a_duration_comes_back_as_it_was_written(value):
    text = format_duration(value)

    assert parse_duration(text) == value
    assert re.fullmatch(DURATION_PATTERN, text), "and the API server takes it"


def test_the_longest_duration_that_can_be_said_is_written_so_that_the_api_server_takes_it():
    longest = "9999h9999m99999s99999ms"

    assert format_duration(parse_duration(longest)) == longest
    assert format_duration(parse_duration("9999h60m")) == "9999h60m"


@given(st.from_regex(DURATION_PATTERN, fullmatch=True).filter(bool))
def test_what_the_api_server_takes_can_be_read(text):
    value = parse_duration(text)

    assert parse_duration(format_duration(value)) == value
