"""What a gate says in words, and where its evidence ends."""

from datetime import timedelta

import pytest

from sluice_operator.analysis.counts import History, PodHistory, Scrape
from sluice_operator.analysis.gates import Evidence, judge
from sluice_operator.api.gates import Gate, Limit, Metric
from sluice_operator.api.status import Verdict

NOW = 10_000.0
NOTHING = History(since=NOW - 120, pods=())
LIMIT = Limit(above=0.1, window=timedelta(seconds=60), checks=1, min_requests=10)
ERRORS = Gate(name="errors", metric=Metric.ERROR_RATE, limit=LIMIT)
SLOW = Gate(name="slow", metric=Metric.LATENCY, slower_than=timedelta(milliseconds=250), limit=LIMIT)


def history(*scrapes):
    """One pod: (seconds ago, total, bad), since its process started."""
    found = tuple(Scrape(NOW - ago, total, bad) for ago, total, bad in scrapes)
    return History(since=NOW - 120, pods=(PodHistory(pod="a", scrapes=found),))


def said(gate, evidence, *, step=120.0):
    answer = judge(gate, evidence, step_started_at=None if step is None else NOW - step, now=NOW)
    return answer.verdict, answer.message


@pytest.mark.parametrize(
    ("gate", "evidence", "expected"),
    [
        (ERRORS, None, (Verdict.UNAVAILABLE, "Prometheus does not answer")),
        (ERRORS, Evidence(errors=NOTHING, slower={}), (Verdict.NO_DATA, "no scrape yet")),
        (SLOW, Evidence(errors=NOTHING, slower={}), (Verdict.NO_DATA, "no scrape yet")),
        (
            SLOW,
            Evidence(errors=NOTHING, slower={0.5: NOTHING, 0.1: NOTHING}),
            (Verdict.UNAVAILABLE, "250ms is not an edge of the histogram, whose edges are 0.1s, 0.5s"),
        ),
        (SLOW, Evidence(errors=NOTHING, slower={0.25: NOTHING}), (Verdict.NO_DATA, "no scrape yet")),
        (
            ERRORS,
            Evidence(errors=history((115, 0, 0), (31, 1000, 0)), slower={}),
            (Verdict.NO_DATA, "the last scrape is 31 s old"),
        ),
        (
            ERRORS,
            Evidence(errors=history((115, 0, 0), (70, 0, 0), (0, 50, 20)), slower={}),
            (Verdict.FAIL, "20 of 50 requests (40.0%) bad within 1m, limit 10.0%, in 1 checks in a row"),
        ),
        (
            ERRORS,
            Evidence(errors=history((115, 0, 0), (70, 0, 0), (0, 50, 5)), slower={}),
            (Verdict.PASS, "5 of 50 requests (10.0%) bad within 1m, limit 10.0%"),
        ),
        (
            ERRORS,
            Evidence(errors=history((115, 0, 0), (70, 5, 0), (0, 5, 0)), slower={}),
            (Verdict.NO_DATA, "no request within 1m, though it is scraped"),
        ),
    ],
)
def test_an_answer_is_a_sentence_with_the_numbers(gate, evidence, expected):
    assert said(gate, evidence) == expected


def test_a_scrape_of_just_half_a_minute_ago_is_evidence():
    assert said(ERRORS, Evidence(errors=history((115, 0, 0), (90, 0, 0), (30, 50, 0)), slower={}))[0] is Verdict.PASS


def test_without_a_step_all_that_is_in_the_window_counts_and_with_one_only_what_came_in_it():
    seen = Evidence(errors=history((115, 0, 0), (70, 0, 0), (40, 50, 0), (20, 55, 0), (0, 64, 0)), slower={})

    assert said(ERRORS, seen, step=None)[0] is Verdict.PASS
    assert said(ERRORS, seen, step=41)[0] is Verdict.PASS
    assert said(ERRORS, seen, step=30) == (Verdict.NO_DATA, "9 of 10 requests needed in this step")
    assert said(ERRORS, seen, step=10) == (Verdict.NO_DATA, "0 of 10 requests needed in this step")
    assert said(ERRORS, seen, step=-5) == (Verdict.NO_DATA, "0 of 10 requests needed in this step")


def test_requests_before_the_window_do_not_count_however_long_the_step():
    seen = Evidence(errors=history((115, 0, 0), (61, 100, 90), (60, 100, 90), (0, 109, 90)), slower={})

    assert said(ERRORS, seen, step=1000) == (Verdict.NO_DATA, "9 of 10 requests needed in this step")


def test_an_answer_carries_its_numbers():
    bad = judge(
        ERRORS,
        Evidence(errors=history((115, 0, 0), (70, 0, 0), (2, 50, 20)), slower={}),
        step_started_at=NOW - 120,
        now=NOW,
    )
    none = judge(ERRORS, Evidence(errors=NOTHING, slower={}), step_started_at=NOW, now=NOW)

    assert (bad.name, bad.value, bad.requests, bad.limit, bad.breached_at) == ("errors", 0.4, 50, 0.1, NOW - 2)
    assert (none.name, none.value, none.requests, none.limit, none.breached_at) == ("errors", None, 0, 0.1, None)
