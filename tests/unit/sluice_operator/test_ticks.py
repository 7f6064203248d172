"""Counters of two versions become counts of the same spans of time, each once, whenever one looks."""

import math
from itertools import pairwise

import pytest
from counters import T, histories, history, known_at, pod
from hypothesis import given
from hypothesis import strategies as st

from sluice_operator.analysis.counts import History
from sluice_operator.analysis.odds import MOST_REQUESTS
from sluice_operator.analysis.ticks import Counts, looks_back, span_of, ticks


def counted(candidate, stable, *, span=5.0, warmup=0.0, after=0.0, until=1000.0):
    """Ticks as (seconds, candidate, bad, stable, bad)."""
    found = ticks(candidate, stable, span=span, warmup=warmup, after=T + after, until=T + until)
    return [(c.at - T, c.candidate, c.candidate_bad, c.stable, c.stable_bad) for c in found]


STEADY = history(pod("s", *((at, 100 * (at + 10), at + 10) for at in range(-10, 200, 5))))
"""A stable that answers 100 requests a second, one of them badly, and is scraped at every full five seconds."""


# What belongs to a span


def test_what_was_answered_between_two_scrapes_belongs_to_the_span_of_the_second():
    candidate = history(pod("c", (-2, 0, 0), (3, 10, 1), (8, 30, 2), (13, 60, 3)))

    assert counted(candidate, STEADY) == [(5, 10, 1, 500, 5), (10, 20, 1, 500, 5), (15, 30, 1, 500, 5)]


def test_pods_that_are_scraped_at_different_moments_are_added_up():
    candidate = history(pod("a", (-4, 0, 0), (1, 10, 0), (6, 20, 0)), pod("b", (-1, 7, 7), (4, 12, 8), (9, 13, 9)))

    assert counted(candidate, STEADY) == [(5, 15, 1, 500, 5), (10, 11, 1, 500, 5)]


def test_several_scrapes_in_a_span_are_one_tick():
    candidate = history(pod("c", *((at, 2 * (at + 5), 0) for at in range(-5, 21))))

    assert [row[:2] for row in counted(candidate, STEADY)] == [(5, 10), (10, 10), (15, 10), (20, 10)]


def test_a_scrape_that_is_there_twice_counts_once():
    candidate = history(pod("c", (0, 0, 0), (5, 10, 1), (5, 10, 1), (10, 20, 2), (10, 20, 2)))

    assert counted(candidate, STEADY) == [(5, 10, 1, 500, 5), (10, 10, 1, 500, 5)]


def test_a_span_is_taken_when_another_one_has_gone_by():
    candidate = history(pod("c", (0, 0, 0), (5, 10, 1), (10, 20, 2)))

    assert counted(candidate, STEADY, until=9.9) == []
    assert [row[0] for row in counted(candidate, STEADY, until=10)] == [5]
    assert [row[0] for row in counted(candidate, STEADY, until=15)] == [5, 10]


def test_a_span_that_began_before_the_attempt_is_not_taken():
    candidate = history(pod("c", *((at, at + 10, 0) for at in range(-10, 30, 5))))

    assert [row[0] for row in counted(candidate, STEADY, after=1)] == [10, 15, 20, 25]
    assert [row[0] for row in counted(candidate, STEADY, after=5)] == [10, 15, 20, 25]
    assert [row[0] for row in counted(candidate, STEADY, after=6)] == [15, 20, 25]


# What counts nowhere


def test_a_process_that_starts_again_counts_from_zero():
    candidate = history(pod("c", (0, 900, 90), (5, 910, 90), (10, 3, 2)))

    assert counted(candidate, STEADY) == [(5, 10, 0, 500, 5), (10, 3, 2, 500, 5)]


def test_what_a_pod_answered_before_its_first_scrape_does_not_count():
    """It may be all that it ever answered, where Prometheus has lost its history."""
    candidate = history(pod("c", (5, 1_000_000, 500_000), (10, 1_000_010, 500_000), there=False))

    assert counted(candidate, STEADY) == [(10, 10, 0, 500, 5)]


def test_a_new_pod_is_left_out_until_it_is_warm_and_the_others_are_not():
    cold = pod("new", *((at, 10 * at, 10 * at) for at in range(5, 50, 5)), there=False)
    candidate = history(cold, pod("old", *((at, at, 0) for at in range(0, 50, 5))))

    found = {row[0]: row[1:3] for row in counted(candidate, STEADY, warmup=20)}

    assert found == {at: (5, 0) if at <= 25 else (55, 50) for at in range(5, 50, 5)}


def test_a_span_in_which_no_pod_is_warm_counts_for_neither_version():
    cold = history(pod("new", *((at, at, 0) for at in range(5, 50, 5)), there=False))

    assert [row[0] for row in counted(cold, STEADY, warmup=20)] == [30, 35, 40, 45]
    assert [row[0] for row in counted(STEADY, cold, warmup=20)] == [30, 35, 40, 45]


def test_a_pod_that_was_there_when_the_history_began_is_warm():
    there = History(since=T - 30, pods=(pod("c", *((at, at, 0) for at in range(0, 20, 5)), there=False),))

    assert [row[0] for row in counted(there, STEADY, warmup=600)] == [5, 10, 15]


def test_a_span_in_which_a_version_was_not_scraped_counts_for_neither():
    candidate = history(pod("c", (0, 0, 0), (5, 10, 0), (15, 30, 0), (20, 40, 0)))

    assert [row[0] for row in counted(candidate, STEADY)] == [5, 20], "nobody knows what of the 20 came in which span"


def test_nothing_is_made_of_a_gap_but_a_gap():
    """Weights may have changed in it, and errors may have come and gone for both."""
    candidate = history(pod("c", (0, 0, 0), (5, 10, 0), (300, 9000, 9000), (305, 9010, 9000)))
    stable = history(pod("s", (0, 0, 0), (5, 90, 0), (300, 90, 0), (305, 180, 0)))

    assert counted(candidate, stable) == [(5, 10, 0, 90, 0), (305, 10, 0, 90, 0)]


def test_a_pod_that_misses_scrapes_does_not_keep_the_others_from_counting():
    gap = pod("gap", (0, 0, 0), (5, 1000, 0), (20, 9000, 0), (25, 9100, 0))
    candidate = history(gap, pod("c", *((at, at, 0) for at in range(0, 30, 5))))

    assert [row[:2] for row in counted(candidate, STEADY)] == [(5, 1005), (10, 5), (15, 5), (20, 5), (25, 105)]


def test_no_history_and_no_pod_make_no_tick():
    assert counted(history(), STEADY) == []
    assert counted(STEADY, history(pod("s"))) == []
    assert counted(history(pod("c", (5, 10, 0), there=False)), STEADY) == []


def test_counts_are_whole_numbers_and_rounding_loses_none():
    candidate = history(pod("c", *((at, at * 0.3, at * 0.06) for at in range(0, 1001, 5))))
    stable = history(pod("s", *((at, at, 0) for at in range(0, 1001, 5))))

    found = ticks(candidate, stable, span=5, warmup=0, after=T, until=T + 2000)

    assert all(isinstance(count, int) for one in found for count in (one.candidate, one.candidate_bad))
    assert (sum(one.candidate for one in found), sum(one.candidate_bad for one in found)) == (300, 60)


@pytest.mark.parametrize("odd", [(10, 20, 50), (10, 20, 3), (10, 20.4, 20.6)])
def test_never_are_more_bad_than_there_were(odd):
    found = counted(history(pod("c", (0, 0, 0), (5, 10, 9), odd, (15, 30, 9))), STEADY)

    assert all(0 <= bad <= total for _, total, bad, _, _ in found)


@pytest.mark.parametrize("total", [1e300, 3 * MOST_REQUESTS, -5.0])
def test_a_counter_that_says_what_cannot_be_is_left_out(total):
    candidate = history(pod("c", (0, 0, 0), (5, 10, 0), (10, total, 0), (15, total, 0), (20, total, 0)))

    found = counted(candidate, STEADY)

    assert found[0] == (5, 10, 0, 500, 5)
    assert all(row[1] in (0, 10) for row in found)


# How long a span is


def test_a_span_is_no_shorter_than_the_time_between_two_scrapes():
    every = [history(pod("c", *((at * apart, at, 0) for at in range(10)), there=False)) for apart in (5, 5.02, 7.5, 15)]

    assert [span_of([one], interval=5) for one in every] == [5, 5, 8, 15]
    assert [span_of([one], interval=10) for one in every] == [10, 10, 10, 15]
    assert span_of(every[:3], interval=1) == 5, "one pod that is scraped more seldom does not make it longer for all"


def test_a_span_is_longer_where_the_traffic_asks_for_it():
    seldom = [history(pod("c", *((at * 15, at, 0) for at in range(10)), there=False))]

    assert span_of(seldom, interval=5, rate=1, weight=0.05) == 30
    assert span_of(seldom, interval=5, rate=0.1, weight=0.05) == 60
    assert span_of(seldom, interval=40, rate=0.1, weight=0.05) == 40


def test_without_scrapes_nobody_knows_how_far_apart_they_are():
    assert span_of([], interval=5) is None
    assert span_of([history(pod("c")), history(pod("c", (0, 0, 0), (5, 1, 0), there=False))], interval=5) is None


# Whatever was scraped when


@given(histories(), histories(), st.sampled_from([5.0, 8.0, 15.0]), st.lists(st.floats(-500, 600), max_size=6))
def test_who_looks_again_and_again_sees_the_same_as_who_looks_once(candidate, stable, span, moments):
    whole = ticks(candidate, stable, span=span, warmup=30, after=T - 500, until=T + 600)

    seen: list[Counts] = []
    through = T - 500
    for moment in (*sorted(moments), 600):
        seen += ticks(
            known_at(candidate, moment),
            known_at(stable, moment),
            span=span,
            warmup=30,
            after=through,
            until=T + moment,
        )
        through = seen[-1].at if seen else through

    assert tuple(seen) == whole


@given(histories(), histories(), st.floats(0, 60), st.sampled_from([0.0, 30.0]))
def test_who_starts_again_needs_no_more_of_the_history_than_is_said(candidate, stable, through, warmup):
    after = T + 5 * math.ceil(through)
    whole = ticks(candidate, stable, span=5, warmup=warmup, after=after, until=T + 600)

    kept = after - looks_back(span=5, warmup=warmup)
    cut = [known_at(one, 600, since=kept) for one in (candidate, stable)]

    assert ticks(*cut, span=5, warmup=warmup, after=after, until=T + 600) == whole


@given(histories(), st.sampled_from([5.0, 8.0]))
def test_every_request_counts_once_but_for_those_that_are_left_out(candidate, span):
    """Beside a stable that is scraped in every span."""
    stable = history(pod("s", *((at, 0, 0) for at in range(-950, 1200))))

    found = ticks(candidate, stable, span=span, warmup=0, after=T - 2000, until=T + 2000)

    expected = 0
    for one in candidate.pods:
        for before, scrape in pairwise(one.scrapes):
            gap = math.ceil(scrape.at / span) - math.ceil(before.at / span) > 1
            grown = scrape.total - before.total if scrape.total >= before.total else scrape.total
            expected += 0 if gap else grown
    assert sum(one.candidate for one in found) == expected
    assert all(0 <= one.candidate_bad <= one.candidate for one in found)


@given(histories(), histories())
def test_each_span_is_there_at_most_once_and_in_order(candidate, stable):
    found = [one.at for one in ticks(candidate, stable, span=5, warmup=0, after=T - 2000, until=T + 2000)]

    assert found == sorted(set(found))
    assert all(at % 5 == 0 for at in found)
