"""A limit has one threshold, on a share or on a value, and is crossed for as long as it says."""

from datetime import timedelta
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_operator.analysis.counts import History, PodHistory, Scrape
from sluice_operator.analysis.gates import Evidence, Missing, Values, judge
from sluice_operator.api.gates import Compare, Gate, Limit, LimitAction, Metric, Query
from sluice_operator.api.status import Verdict

NOW = 10_000.0
PASS, FAIL, NO_DATA, UNAVAILABLE = Verdict.PASS, Verdict.FAIL, Verdict.NO_DATA, Verdict.UNAVAILABLE


def seconds(number):
    return timedelta(seconds=number)


def errors(**limit):
    return Gate(name="errors", metric=Metric.ERROR_RATE, limit=Limit(window=seconds(60), min_requests=10, **limit))


def scraped(*shares, every=5, gap=0):
    """A hundred requests in each scrape, so many of them bad; the last is now, and so much later than it should be."""
    before = 130 // every
    moments = [NOW - gap - every * number for number in range(before + len(shares), 0, -1)]
    moments = [*moments[1:], NOW]
    bads = list(accumulate(shares, initial=0))
    scrapes = [Scrape(at, 0, 0) for at in moments[:before]]
    scrapes += [Scrape(at, 100 * n, bads[n]) for n, at in enumerate(moments[before:], start=1)]
    return Evidence(errors=History(since=moments[0], pods=(PodHistory("a", tuple(scrapes)),)), slower={})


def idle():
    """Seven requests long ago, and none since."""
    scrapes = tuple(Scrape(NOW - 5 * number, 7, 0) for number in range(26, -1, -1))
    return Evidence(errors=History(since=NOW - 130, pods=(PodHistory("a", scrapes),)), slower={})


def said(gate, evidence, *, step=1000.0):
    found = judge(gate, evidence, step_started_at=NOW - step, now=NOW)
    return found.verdict, found.message


# Four thresholds


@pytest.mark.parametrize(
    ("limit", "bad", "verdict", "words"),
    [
        ({"above": 0.1}, 10, PASS, "limit 10.0%"),
        ({"above": 0.1}, 11, FAIL, "limit 10.0%"),
        ({"at_least": 0.1}, 9, PASS, "must be less than 10.0%"),
        ({"at_least": 0.1}, 10, FAIL, "must be less than 10.0%"),
        ({"below": 0.1}, 10, PASS, "must be at least 10.0%"),
        ({"below": 0.1}, 9, FAIL, "must be at least 10.0%"),
        ({"at_most": 0.1}, 11, PASS, "must be more than 10.0%"),
        ({"at_most": 0.1}, 10, FAIL, "must be more than 10.0%"),
    ],
)
def test_a_limit_is_crossed_on_one_side_and_says_which(limit, bad, verdict, words):
    answer, message = said(errors(**limit, checks=1), scraped(bad))

    assert answer is verdict
    assert message.startswith(f"{bad} of 100 requests ({bad}.0%) bad within 1m, {words}")


@pytest.mark.parametrize("percent", range(1, 100))
def test_a_share_that_is_the_threshold_is_the_threshold_whatever_floats_make_of_it(percent):
    share = float(f"0.{percent:02}")

    assert said(errors(above=share, checks=1), scraped(percent))[0] is PASS
    assert said(errors(at_least=share, checks=1), scraped(percent))[0] is FAIL


def test_a_small_limit_is_not_told_as_none():
    assert "limit 0.04%" in said(errors(above=0.0004, checks=1), scraped(0))[1]


@pytest.mark.parametrize("action", LimitAction)
def test_what_is_to_be_done_comes_with_the_answer(action):
    for bad in (0, 100):
        assert judge(errors(above=0.1, action=action), scraped(*[bad] * 3), step_started_at=0, now=NOW).action is action


# For how long


def test_without_a_word_three_checks_in_a_row_are_asked_for():
    assert said(errors(above=0.1), scraped(100, 100))[1].endswith("in 2 of 3 checks")
    assert said(errors(above=0.1), scraped(100, 100, 100))[1].endswith("in 3 checks in a row")


def test_a_limit_that_is_crossed_for_a_time_fails_when_it_is_over_and_not_before():
    asked = errors(above=0.1, for_=seconds(30))

    assert said(asked, scraped(*[100] * 6)) == (
        NO_DATA,
        "600 of 600 requests (100.0%) bad within 1m, limit 10.0%, for 25s of 30s",
    )
    answer, message = said(asked, scraped(*[100] * 7))
    assert answer is FAIL
    assert message.endswith("bad within 1m, limit 10.0%, for 30s")


def test_one_good_look_begins_the_time_anew():
    asked = Gate(
        name="errors",
        metric=Metric.ERROR_RATE,
        limit=Limit(above=0.4, for_=seconds(15), window=seconds(5), min_requests=10),
    )

    assert said(asked, scraped(100, 100, 100, 100))[0] is FAIL
    assert said(asked, scraped(100, 100, 0, 100))[1].endswith("for 0s of 15s")
    assert said(asked, scraped(100, 100, 100, 0))[0] is PASS


def test_two_scrapes_with_a_gap_between_them_are_not_a_stretch_of_time():
    asked = errors(above=0.1, for_=seconds(40))

    assert said(asked, scraped(*[100] * 5, gap=25))[0] is FAIL
    assert said(asked, scraped(*[100] * 5, gap=26))[1].endswith("for 0s of 40s")


# Nothing to look at


def test_no_request_is_told_apart_from_no_scrape_and_from_too_few_requests():
    unseen = Evidence(errors=History(since=0, pods=()), slower={})

    assert said(errors(above=0.1), idle()) == (NO_DATA, "no request within 1m, though it is scraped")
    assert said(errors(above=0.1), unseen) == (NO_DATA, "no scrape yet")
    assert said(errors(above=0.1), scraped(0), step=0) == (NO_DATA, "0 of 10 requests needed in this step")
    assert said(errors(above=0.1), None) == (UNAVAILABLE, "Prometheus does not answer")


def test_no_request_crosses_no_limit_that_wants_more():

    assert said(errors(below=0.5, checks=1), idle())[0] is NO_DATA


# No limit


COMPARED = Gate(name="errors", metric=Metric.ERROR_RATE, compare=Compare())


def test_a_gate_without_a_limit_passes_where_there_is_something_to_look_at():
    found = judge(COMPARED, scraped(50), step_started_at=0, now=NOW)

    assert (found.verdict, found.message) == (PASS, "50 of 100 requests (50.0%) bad within 1m")
    assert (found.value, found.requests, found.limit, found.breached_at) == (0.5, 100, None, None)


def test_a_gate_without_a_limit_says_what_is_missing():
    assert said(COMPARED, None)[0] is UNAVAILABLE
    assert said(COMPARED, Evidence(errors=History(since=0, pods=()), slower={})) == (NO_DATA, "no scrape yet")


# A value


def drift(**limit):
    return Gate(name="drift", query=Query(value="drift_score"), limit=Limit(**limit))


def valued(*values, every=5):
    """Values of which the last is of now."""
    samples = tuple((NOW - every * (len(values) - 1 - number), value) for number, value in enumerate(values))
    return Evidence(errors=History(since=0, pods=()), slower={}, custom={"drift": Values(samples)})


def test_a_value_is_judged_at_each_look_at_it():
    assert said(drift(above=3.5, checks=2), valued(1, 4, 4)) == (FAIL, "4, limit 3.5, in 2 checks in a row")
    assert said(drift(above=3.5, checks=2), valued(4, 1, 4)) == (NO_DATA, "4, limit 3.5, in 1 of 2 checks")
    assert said(drift(above=3.5, checks=2), valued(4, 4, 3.5)) == (PASS, "3.5, limit 3.5")
    assert said(drift(below=-2, for_=seconds(10)), valued(-3, -3, -3)) == (FAIL, "-3, must be at least -2, for 10s")


def test_a_value_fails_without_any_request_and_carries_its_number():
    found = judge(drift(above=3, checks=1), valued(7.5), step_started_at=0, now=NOW)

    assert (found.verdict, found.value, found.limit, found.requests, found.breached_at) == (FAIL, 7.5, 3, 0, NOW)


def test_a_step_is_not_passed_on_values_of_the_step_before():
    steady = valued(*[1] * 10)

    assert said(drift(above=3), steady, step=9) == (NO_DATA, "2 of 3 checks needed in this step")
    assert said(drift(above=3), steady, step=10)[0] is PASS
    assert said(drift(above=3, for_=seconds(20)), steady, step=12) == (NO_DATA, "10s of 20s needed in this step")
    assert said(drift(above=3, for_=seconds(20)), steady, step=20)[0] is PASS


def test_values_from_before_the_attempt_fail_nothing():
    found = judge(
        drift(above=3, checks=2), valued(9, 9, 9, 1, 1), attempt_started_at=NOW - 8, step_started_at=0, now=NOW
    )

    assert found.verdict is PASS


def test_an_old_value_is_no_evidence():
    old = Evidence(
        errors=History(since=0, pods=()), slower={}, custom={"drift": Values(((NOW - 40, 9.0), (NOW - 31, 9.0)))}
    )

    assert said(drift(above=3), old) == (NO_DATA, "its query gave its last number 31 s ago")
    assert said(drift(above=3), valued()) == (NO_DATA, "its query has given no number yet")


@pytest.mark.parametrize(
    ("custom", "verdict", "answerable"),
    [
        (None, UNAVAILABLE, False),
        ({}, NO_DATA, True),
        ({"drift": Missing(UNAVAILABLE, "its query: it gives no series where it must give one")}, UNAVAILABLE, True),
    ],
)
def test_a_query_without_an_answer_holds_and_only_one_that_is_not_allowed_is_not_waited_for(
    custom, verdict, answerable
):
    found = judge(
        drift(above=3),
        Evidence(errors=History(since=0, pods=()), slower={}, custom=custom),
        step_started_at=0,
        now=NOW,
    )

    assert (found.verdict, found.answerable) == (verdict, answerable)
    assert "query" in found.message or "queries" in found.message


# What was stored before there were rules


ONE = Limit(above=0.1)


@pytest.mark.parametrize(
    ("gate", "words"),
    [
        (Gate(name="g", limit=ONE), "exactly one of metric and query"),
        (
            Gate(name="g", metric=Metric.ERROR_RATE, query=Query(value="x"), limit=ONE),
            "exactly one of metric and query",
        ),
        (Gate(name="g", metric=Metric.LATENCY, limit=ONE), "slowerThan belongs to metric latency"),
        (Gate(name="g", metric=Metric.ERROR_RATE, slower_than=seconds(1), limit=ONE), "slowerThan belongs"),
        (Gate(name="g", metric=Metric.ERROR_RATE, limit=Limit()), "exactly one of above"),
        (Gate(name="g", metric=Metric.PREDICTION_DRIFT), "prediction-drift takes limit.above"),
        (Gate(name="g", metric=Metric.PREDICTION_DRIFT, limit=Limit(above=0)), "prediction-drift takes limit.above"),
        (Gate(name="g", metric=Metric.PREDICTION_DRIFT, limit=Limit(below=1)), "prediction-drift takes limit.above"),
        (Gate(name="g", metric=Metric.PREDICTION_DRIFT, limit=Limit(above=1, checks=1)), "prediction-drift takes"),
        (Gate(name="g", metric=Metric.PREDICTION_DRIFT, limit=ONE, compare=Compare()), "prediction-drift takes"),
        (Gate(name="g", metric=Metric.ERROR_RATE, limit=Limit(above=0.1, below=0.2)), "exactly one of above"),
        (Gate(name="g", metric=Metric.ERROR_RATE, limit=Limit(above=0.1, checks=1, for_=seconds(9))), "checks and for"),
        (Gate(name="g", metric=Metric.ERROR_RATE, limit=Limit(above=1.5)), "at least 0 and less than 1"),
        (Gate(name="g", metric=Metric.ERROR_RATE, limit=Limit(at_least=-0.1)), "at least 0 and less than 1"),
        (Gate(name="g", query=Query(), limit=ONE), "bad and total, or value"),
        (Gate(name="g", query=Query(bad="x"), limit=ONE), "bad and total, or value"),
        (Gate(name="g", query=Query(bad="x", total="y", value="z"), limit=ONE), "bad and total, or value"),
        (Gate(name="g", query=Query(value="x"), compare=Compare()), "a value cannot be compared"),
        (Gate(name="g", query=Query(value="x")), "a value needs a limit"),
        (
            Gate(name="g", metric=Metric.ERROR_RATE, compare=Compare(tolerance=3, worse_by=2)),
            "tolerance must be less than worseBy",
        ),
    ],
)
def test_a_gate_that_nobody_could_write_today_says_what_is_wrong_with_it(gate, words):
    found = judge(gate, scraped(0), step_started_at=0, now=NOW)

    assert (found.verdict, found.answerable) == (UNAVAILABLE, False)
    assert words in found.message


THRESHOLDS = st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False))
ANY_LIMIT = st.builds(
    Limit,
    above=THRESHOLDS,
    at_least=THRESHOLDS,
    below=THRESHOLDS,
    at_most=THRESHOLDS,
    checks=st.one_of(st.none(), st.integers(1, 20)),
    for_=st.one_of(st.none(), st.integers(1, 60).map(seconds)),
)
TEXT = st.one_of(st.none(), st.just("up"))
ANY_GATE = st.builds(
    Gate,
    name=st.just("drift"),
    metric=st.one_of(st.none(), st.sampled_from(Metric)),
    query=st.one_of(st.none(), st.builds(Query, bad=TEXT, total=TEXT, value=TEXT)),
    slower_than=st.one_of(st.none(), st.just(seconds(1))),
    limit=st.one_of(st.none(), ANY_LIMIT),
    compare=st.one_of(st.none(), st.just(Compare())),
)


@given(ANY_GATE, st.lists(st.integers(0, 100), min_size=1, max_size=8))
def test_no_gate_crashes_and_none_fails_without_a_threshold(gate, shares):
    seen = scraped(*shares)
    custom = {"drift": Values(tuple((NOW - number, float(share)) for number, share in enumerate(reversed(shares))))}
    for evidence in (None, seen, Evidence(errors=seen.errors, slower={1.0: seen.errors}, custom=custom)):
        found = judge(gate, evidence, step_started_at=0, now=NOW)
        assert found.message
        assert found.verdict is not FAIL or found.limit is not None
