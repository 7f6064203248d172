"""Counters of several pods become requests counted round by round."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from sluice_operator.analysis.counts import History, PodHistory, Round, Scrape, rounds

SINCE = 1000.0


def pod(name, *scrapes):
    return PodHistory(pod=name, scrapes=tuple(Scrape(SINCE + at, total, bad) for at, total, bad in scrapes))


def counted(*pods):
    """Rounds as (seconds since the history began, total, bad)."""
    return [(r.at - SINCE, r.total, r.bad) for r in rounds(History(since=SINCE, pods=pods))]


def test_nothing_was_scraped():
    assert counted() == []
    assert counted(pod("a")) == []


def test_a_pod_that_was_there_before_counts_from_its_first_scrape_on():
    assert counted(pod("a", (5, 700, 70), (10, 705, 71))) == [(5, 0, 0), (10, 5, 1)]


def test_a_pod_that_starts_in_the_middle_counts_from_zero():
    assert counted(pod("a", (61, 7, 1), (66, 9, 1))) == [(61, 7, 1), (66, 9, 1)]


def test_a_pod_that_was_not_scraped_for_a_while_at_the_beginning_was_there_all_the_same():
    assert counted(pod("a", (60, 700, 70), (65, 709, 71))) == [(60, 0, 0), (65, 9, 1)]


def test_a_process_that_starts_again_counts_from_zero():
    assert counted(pod("a", (5, 100, 10), (10, 110, 10), (15, 3, 2))) == [(5, 0, 0), (10, 10, 0), (15, 13, 2)]


def test_a_round_is_one_scrape_of_every_pod():
    first = pod("a", (5, 0, 0), (10, 10, 1), (15, 20, 2))
    second = pod("b", (6, 0, 0), (11, 30, 0), (16, 60, 0))

    assert counted(first, second) == [(6, 0, 0), (11, 40, 1), (16, 80, 2)]


def test_a_pod_that_goes_or_comes_does_not_join_two_rounds():
    leaves = pod("a", (5, 0, 0), (10, 10, 0))
    stays = pod("b", (6, 0, 0), (11, 5, 0), (61, 10, 0), (66, 15, 0))
    comes = pod("c", (62, 2, 0), (67, 4, 0))

    assert counted(leaves, stays, comes) == [(6, 0, 0), (11, 15, 0), (62, 22, 0), (67, 29, 0)]


HISTORIES = st.lists(
    st.lists(
        st.tuples(st.floats(0, 300), st.integers(0, 50), st.integers(0, 50)), max_size=8, unique_by=lambda s: s[0]
    ),
    max_size=4,
)


def growing(name, increases):
    """A pod that is there from the start, never starts again, and has so many more requests at each scrape."""
    total = bad = 0
    scrapes = [(0.0, 1000, 100)]
    for at, good, wrong in sorted(increases):
        total, bad = total + good + wrong, bad + wrong
        scrapes.append((at + 1, 1000 + total, 100 + bad))
    return pod(name, *scrapes)


@given(HISTORIES)
def test_every_request_is_counted_once_whatever_the_order_of_scrapes(histories):
    found = rounds(
        History(since=SINCE, pods=tuple(growing(f"p{n}", increases) for n, increases in enumerate(histories)))
    )

    last = found[-1] if found else Round(at=0, total=0, bad=0)
    assert last.total == sum(good + wrong for increases in histories for _, good, wrong in increases)
    assert last.bad == sum(wrong for increases in histories for _, _, wrong in increases)


@given(HISTORIES)
def test_counts_only_grow_and_time_only_passes(histories):
    found = rounds(
        History(since=SINCE, pods=tuple(growing(f"p{n}", increases) for n, increases in enumerate(histories)))
    )

    for before, now in pairwise(found):
        assert now.at >= before.at
        assert now.total >= before.total
        assert now.bad >= before.bad
    longest = max((len(increases) + 1 for increases in histories), default=0)
    assert len(found) >= longest if histories else not found
