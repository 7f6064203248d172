"""An answer says what is expected of it, or where it does not."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_operator.rollout.answers import DEEPEST, THOUSANDTH, Closeness, first_gap, printable

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def gap(expected, actual, near=THOUSANDTH):
    return first_gap(expected, actual, near=near)


ALIKE = [
    ({"a": 1}, {"a": 1, "b": 2}),
    ({"a": {"b": [1, {"c": "x"}]}}, {"a": {"b": [1, {"c": "x", "d": None}]}, "e": []}),
    ({}, {"a": 1}),
    (0.959, 0.9591),
    (1, 1.0004),
    (1.0, 1),
    (0.0, 0.0000005),
    (None, None),
    (True, True),
    (10**400, 10**400),
]


@pytest.mark.parametrize(("expected", "actual"), ALIKE)
def test_an_answer_may_say_more_and_numbers_may_be_a_little_off(expected, actual):
    assert gap(expected, actual) is None


DIFFERENT = [
    ({"label": "spam"}, {"label": "ham"}, 'label is "ham", expected "spam"'),
    ({"predictions": [{"label": "x"}]}, {"predictions": [{}]}, "predictions[0].label is missing"),
    ({"predictions": [1, 2]}, {"predictions": [1]}, "predictions has 1 elements, expected 2"),
    ({"predictions": [1]}, {"predictions": {"0": 1}}, "predictions is an object, expected a list of 1"),
    ({"a": 1}, [1], "the answer is a list of 1, expected an object"),
    (0.5, 0.51, "the answer is 0.51, expected 0.5"),
    (1000, 1001, "the answer is 1001, expected 1000"),
    (1, True, "the answer is true, expected 1"),
    (0.5, "0.5", 'the answer is "0.5", expected 0.5'),
    (None, 0, "the answer is 0, expected null"),
    (0.5, float("nan"), "the answer is NaN, expected 0.5"),
]


@pytest.mark.parametrize(("expected", "actual", "words"), DIFFERENT)
def test_a_difference_is_told_by_its_place_and_both_values(expected, actual, words):
    assert gap(expected, actual) == words


def test_a_whole_number_beyond_all_fractions_is_a_difference_and_no_error():
    assert gap(0.5, 10**400) is not None


def test_a_tolerance_is_a_distance():
    near = Closeness(absolute=0.02)

    assert gap(0.95, 0.969, near) is None
    assert gap(0.95, 0.971, near) is not None
    assert gap(100.0, 100.05, near) is not None


@given(JSON)
def test_everything_is_as_it_is_itself(document):
    assert gap(document, json.loads(json.dumps(document))) is None


@given(JSON, JSON)
def test_whatever_came_is_told_in_a_short_printable_line(expected, actual):
    told = gap(expected, actual)

    assert told is None or (told.isprintable() and len(told) < 300)


def test_what_is_nested_deeper_than_anybody_means_is_a_difference():
    deep: list[object] = []
    for _ in range(DEEPEST + 1):
        deep = [deep]

    assert f"nested deeper than {DEEPEST} levels" in str(gap(deep, deep))


def test_what_cannot_be_printed_is_not():
    assert printable("a\nb\x1b[31m\u202e", 100) == "a?b?[31m?"
    assert printable("aaaa", 2) == "aa"
