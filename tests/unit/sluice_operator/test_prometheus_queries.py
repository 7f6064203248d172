"""Two questions for all rollouts; nothing that a person may write can break out of them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_operator.analysis.counts import Scrape
from sluice_operator.prometheus.client import Series
from sluice_operator.prometheus.predictor import Target, all_buckets, queries, read_evidence

TEXT = st.text(max_size=30)
TARGETS = st.lists(st.builds(Target, namespace=TEXT, model=TEXT, version=TEXT), min_size=1, max_size=4)
LABELS = ("namespace", "sluice_model", "sluice_version")
EDGES = frozenset({0.25})
STRING = re.compile(r'"((?:[^"\\\n]|\\.)*)"', re.DOTALL)
WHOLE = re.compile(
    r'(?P<metric>[a-z_]+)\{traffic="live",namespace=~S,sluice_model=~S,sluice_version=~S(,le=~S)?\}\[(?P<seconds>\d+)s\]'
)


def unquoted(literal: str) -> str:
    """What a PromQL string in double quotes means."""
    return re.sub(r"\\(.)", lambda m: {"n": "\n"}.get(m[1], m[1]), literal, flags=re.DOTALL)


@given(TARGETS)
def test_no_name_can_end_the_string_it_is_in(targets):
    for query in (*queries(targets, seconds=120, edges=EDGES), all_buckets(targets, seconds=120)):
        assert WHOLE.fullmatch(
            STRING.sub("S", query.replace('traffic="live"', "traffic=LIVE", 1)).replace("LIVE", '"live"')
        )


@given(TARGETS, TEXT)
def test_a_matcher_takes_the_names_it_was_given_and_no_other(targets, other):
    query, _ = queries(targets, seconds=120, edges=EDGES)
    patterns = [unquoted(literal) for literal in STRING.findall(query)[1:]]

    for pattern, field in zip(patterns, ("namespace", "model", "version"), strict=True):
        names = {getattr(target, field) for target in targets}
        for name in names:
            assert re.fullmatch(pattern, name)
        if other not in names:
            assert not re.fullmatch(pattern, other)


def test_the_questions_do_not_grow_in_number_with_the_rollouts():
    many = [Target("ns", f"model-{n}", "1.0.0") for n in range(50)]

    assert len(queries(many, seconds=120, edges=EDGES)) == len(queries(many[:1], seconds=120, edges=EDGES)) == 2


def test_the_same_rollouts_ask_the_same_question_in_any_order():
    one, other = Target("a", "m", "1"), Target("b", "n", "2")

    assert queries([one, other], seconds=60, edges=EDGES) == queries([other, one], seconds=60, edges=EDGES)


@pytest.mark.parametrize(
    ("le", "asked"),
    [("0.25", True), ("1", True), ("1.0", True), ("+Inf", True), ("0.5", False), ("0225", False), ("10", False)],
)
def test_of_a_histogram_only_the_edges_that_gates_compare_with_are_asked_for(le, asked):
    _, buckets = queries([TARGET], seconds=60, edges=frozenset({0.25, 1.0}))
    pattern = unquoted(STRING.findall(buckets)[-1])

    assert bool(re.fullmatch(pattern, le)) is asked


# What comes back

TARGET = Target("default", "sms", "1.1.0")
SINCE = 1000.0


def series(samples, *, pod="p", target=TARGET, **labels):
    own = {"namespace": target.namespace, "sluice_model": target.model, "sluice_version": target.version, "pod": pod}
    return Series(labels={**own, **labels}, samples=tuple(samples))


def read(requests=(), buckets=(), targets=(TARGET,), edges=frozenset({0.25, 0.5})):
    return read_evidence(requests, buckets, targets=targets, edges=edges, since=SINCE)


def scrapes(history):
    return {pod.pod: list(pod.scrapes) for pod in history.pods}


def test_answers_with_a_5xx_code_are_bad_and_a_clients_bad_input_is_not():
    found = read(
        [
            series([(5, 10.0), (10, 20.0)], code="200"),
            series([(5, 1.0), (10, 2.0)], code="400"),
            series([(10, 3.0)], code="500"),
            series([(10, 4.0)], code="503"),
        ]
    )

    assert scrapes(found[TARGET].errors) == {"p": [Scrape(5, 11, 0), Scrape(10, 29, 7)]}


def test_pods_and_versions_are_told_apart_by_the_labels_of_the_target():
    other = Target("default", "sms", "1.0.0")
    asked = [
        series([(5, 1.0)], code="200"),
        series([(5, 2.0)], pod="q", code="200"),
        series([(5, 9.0)], target=other, code="500"),
    ]
    found = read(asked, targets=(TARGET, other))

    assert scrapes(found[TARGET].errors) == {"p": [Scrape(5, 1, 0)], "q": [Scrape(5, 2, 0)]}
    assert scrapes(found[other].errors) == {"p": [Scrape(5, 9, 9)]}


def test_the_same_model_in_another_namespace_is_no_evidence():
    stranger = Target("elsewhere", "sms", "1.1.0")
    found = read([series([(5, 9.0)], target=stranger, code="500")])

    assert found.keys() == {TARGET}
    assert found[TARGET].errors.pods == ()


def test_a_request_slower_than_an_edge_is_one_that_is_not_in_its_bucket():
    found = read(
        buckets=[
            series([(5, 70.0)], le="0.25"),
            series([(5, 90.0)], le="0.5"),
            series([(5, 100.0)], le="+Inf"),
        ]
    )

    slower = found[TARGET].slower
    assert slower.keys() == {0.25, 0.5}
    assert scrapes(slower[0.25]) == {"p": [Scrape(5, 100, 30)]}
    assert scrapes(slower[0.5]) == {"p": [Scrape(5, 100, 10)]}


def test_of_an_edge_that_nobody_asked_for_only_its_being_there_is_told():
    buckets = [series([(5, 70.0)], le="0.25"), series([(5, 90.0)], le="0.5"), series([(5, 100.0)], le="+Inf")]
    slower = read(buckets=buckets, edges=frozenset({0.5}))[TARGET].slower

    assert scrapes(slower[0.25]) == {}
    assert scrapes(slower[0.5]) == {"p": [Scrape(5, 100, 10)]}


@pytest.mark.parametrize("edge", ["0.25", "2.5e-1", "0.250"])
def test_an_edge_is_a_number_however_it_is_spelled(edge):
    found = read(buckets=[series([(5, 70.0)], le=edge), series([(5, 100.0)], le="+Inf")])

    assert scrapes(found[TARGET].slower[0.25]) == {"p": [Scrape(5, 100, 30)]}


def test_numbers_that_are_none_are_left_out():
    found = read([series([(5, float("nan")), (10, float("inf")), (15, 3.0)], code="200")])

    assert scrapes(found[TARGET].errors) == {"p": [Scrape(15, 3, 0)]}


def test_a_version_that_prometheus_does_not_know_has_an_empty_history():
    assert read()[TARGET].errors.pods == ()
    assert read()[TARGET].slower == {}
