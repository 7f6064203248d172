"""How requests divided is counted only where none of either version's can be missing."""

import pytest
from counters import LONG_AGO, T, histories, history, known_at, pod
from hypothesis import given
from hypothesis import strategies as st

from sluice_operator.analysis.divisions import GONE_AFTER, divisions
from sluice_operator.analysis.odds import MOST_REQUESTS
from sluice_operator.analysis.ticks import looks_back


def divided(candidate, stable, *, span=5.0, after=0.0, until=1000.0):
    """Spans as (seconds, candidate, stable)."""
    found = divisions(candidate, stable, span=span, after=T + after, until=T + until)
    return [(one.at - T, one.candidate, one.stable) for one in found]


def steady(name, *, rate=1, since=-100, until=201):
    return pod(name, *((at, rate * (at + 100), 0) for at in range(since, until, 5)), there=False)


STABLE = history(steady("s", rate=19))
EVERY = list(range(5, 200, 5))


def spans(candidate, stable=STABLE):
    return [at for at, _, _ in divided(candidate, stable, until=200)]


def test_each_whole_span_has_the_requests_of_all_pods():
    both = history(steady("a"), steady("b", rate=2))

    assert divided(both, STABLE, until=20) == [(5, 15, 95), (10, 15, 95), (15, 15, 95)]


def test_a_span_is_taken_when_another_one_has_gone_by_and_none_that_began_before():
    assert [at for at, _, _ in divided(history(steady("a")), STABLE, after=11, until=34)] == [20, 25]


@pytest.mark.parametrize("whose", ["candidate", "stable"])
def test_a_span_in_which_a_pod_comes_does_not_count(whose):
    """What it answered before its first scrape is missing."""
    with_new = history(steady("old"), steady("new", since=50))

    found = spans(with_new) if whose == "candidate" else spans(history(steady("c")), with_new)

    assert found == [at for at in EVERY if at != 50]


def test_a_span_in_which_a_process_starts_again_does_not_count():
    again = pod("again", (-5, 900, 0), (0, 910, 0), (5, 920, 0), (10, 3, 0), (15, 13, 0), (20, 23, 0), there=False)

    assert [at for at, _, _ in divided(history(again), STABLE, until=20)] == [5, 15]


def test_a_pod_that_is_not_scraped_for_a_while_is_missed():
    with_gap = history(
        steady("there"), pod("gap", *((at, at + 100, 0) for at in range(-100, 200, 5) if not 20 < at < 40), there=False)
    )

    assert spans(with_gap) == [at for at in EVERY if not 25 <= at <= 40]


def test_a_pod_that_is_gone_is_missed_for_a_minute():
    with_gone = history(steady("there"), steady("gone", until=51))

    assert GONE_AFTER == 60
    assert spans(with_gone) == [at for at in EVERY if not 55 <= at <= 110]


def test_without_scrapes_there_is_nothing():
    assert divided(history(), STABLE) == divided(STABLE, history(pod("a"))) == []


@pytest.mark.parametrize("total", [1e300, 3.0 * MOST_REQUESTS, -5.0])
def test_what_cannot_be_counts_nowhere(total):
    odd = pod("odd", (-5, 0, 0), (0, 10, 0), (5, 20, 0), (10, total, 0), (15, total, 0), there=False)

    found = divided(history(odd), STABLE, until=20)

    assert found[0] == (5, 10, 95)
    assert all(0 <= candidate <= MOST_REQUESTS for _, candidate, _ in found)


@given(histories(), histories(), st.sampled_from([5.0, 8.0, 15.0, 60.0]), st.lists(st.floats(-500, 600), max_size=6))
def test_who_looks_again_and_again_sees_the_same_as_who_looks_once(candidate, stable, span, moments):
    """However little of the history is left to those who look again."""
    whole = divisions(candidate, stable, span=span, after=T - 400, until=T + 600)

    seen = []
    through = T - 400
    for moment in (*sorted(moments), 600):
        kept = max(LONG_AGO, through - looks_back(span=span, warmup=0))
        both = (known_at(one, moment, since=kept) for one in (candidate, stable))
        seen += divisions(*both, span=span, after=through, until=T + moment)
        through = seen[-1].at if seen else through

    assert tuple(seen) == whole
