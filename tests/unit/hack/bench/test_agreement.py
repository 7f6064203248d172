"""A server's answers are compared with transformers' in fp32, whatever shape the server gives them."""

import pytest

from hack.bench.predictor.agreement import compare, named
from hack.bench.predictor.inputs import Reference

REFERENCE = Reference(
    texts=["a", "b", "c", "d"],
    labels=["ham", "spam"],
    probabilities=[[0.9, 0.1], [0.3, 0.7], [0.51, 0.49], [0.2, 0.8]],
)


def test_an_answer_may_be_v1s_or_a_bare_list():
    best = {"label": "ham", "score": 0.9}

    assert named({"predictions": [best]}) == {"ham": 0.9}
    assert named([best]) == {"ham": 0.9}


def test_an_answer_that_names_all_labels_is_compared_in_all():
    every = [{"label": "ham", "score": 0.9}, {"label": "spam", "score": 0.1}]

    assert named({"predictions": [{"label": "ham", "score": 0.9, "labels": every}]}) == {"ham": 0.9, "spam": 0.1}


def test_an_answer_to_two_texts_is_no_answer_to_one():
    with pytest.raises(ValueError, match="too many"):
        named({"predictions": [{"label": "ham", "score": 0.9}, {"label": "ham", "score": 0.9}]})


def test_the_same_answers_agree():
    found = compare([{"ham": 0.9}, {"spam": 0.7}, {"ham": 0.51}, {"spam": 0.8}], REFERENCE, server="kserve")

    assert (found.texts, found.labels, found.difference) == (4, 1.0, 0.0)


def test_another_label_and_the_largest_difference_are_found():
    found = compare([{"ham": 0.88}, {"spam": 0.7}, {"spam": 0.505}, {"spam": 0.8}], REFERENCE, server="sluice")

    assert found.labels == 0.75
    assert found.difference == pytest.approx(0.02)


def test_the_first_named_label_is_the_answer():
    found = compare([{"spam": 0.1, "ham": 0.9}, {"spam": 0.7}, {"ham": 0.51}, {"spam": 0.8}], REFERENCE, server="x")

    assert found.labels == 0.75


def test_a_part_of_the_reference_keeps_texts_and_answers_together():
    part = REFERENCE.first(2)

    assert part.texts == ["a", "b"]
    assert part.expected(1) == {"ham": 0.3, "spam": 0.7}
