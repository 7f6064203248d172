"""A gate fails on a whole window, several checks in a row; it passes on enough requests of the present step."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_operator.analysis.counts import History, PodHistory, Scrape
from sluice_operator.analysis.gates import Evidence, judge
from sluice_operator.api.gates import Gate, Limit, Metric
from sluice_operator.api.status import Verdict

NOW = 10_000.0
EMPTY = History(since=0, pods=())


def gate(*, above=0.1, window=60, checks=3, min_requests=50, slower_than=None):
    limit = Limit(above=above, window=timedelta(seconds=window), checks=checks, min_requests=min_requests)
    if slower_than is None:
        return Gate(name="errors", metric=Metric.ERROR_RATE, limit=limit)
    return Gate(name="slow", metric=Metric.LATENCY, slower_than=timedelta(seconds=slower_than), limit=limit)


def history(*scrapes):
    """One pod: (seconds ago, total, bad), since its process started."""
    found = tuple(Scrape(NOW - ago, total, bad) for ago, total, bad in scrapes)
    return History(since=NOW - 120, pods=(PodHistory(pod="a", scrapes=found),))


def errors(*scrapes):
    return Evidence(errors=history(*scrapes), slower={})


def answer(asked, evidence, *, step=120.0):
    """The gate's answer, in a step that began so many seconds ago."""
    return judge(asked, evidence, step_started_at=NOW - step, now=NOW)


def ramp(bad_share, *, every=5, rate=10, seconds=110):
    """Steady traffic over the history."""
    times = range(seconds, -1, -every)
    return errors(*((ago, (seconds - ago) * rate, (seconds - ago) * rate * bad_share) for ago in times))


# What it says


def test_a_share_above_the_limit_in_every_check_fails_and_gives_the_numbers():
    said = answer(gate(), ramp(0.2))

    assert said.verdict is Verdict.FAIL
    assert said.message == "120 of 600 requests (20.0%) bad within 1m, limit 10.0%, in 3 checks in a row"
    assert (said.value, said.requests, said.limit) == (0.2, 600, 0.1)
    assert said.breached_at == NOW


def test_a_share_at_the_limit_passes():
    said = answer(gate(), ramp(0.1))

    assert said.verdict is Verdict.PASS
    assert said.breached_at is None


def test_prometheus_not_answering_is_not_an_answer():
    said = answer(gate(), None)

    assert (said.verdict, said.value) == (Verdict.UNAVAILABLE, None)
    assert "Prometheus" in said.message


def test_without_any_scrape_there_is_no_data():
    assert answer(gate(), Evidence(errors=EMPTY, slower={})).verdict is Verdict.NO_DATA


def test_what_was_scraped_too_long_ago_is_no_evidence():
    old = errors((110, 0, 0), (41, 1000, 0), (36, 1500, 0), (31, 2000, 0))

    said = answer(gate(), old)

    assert said.verdict is Verdict.NO_DATA
    assert "31 s old" in said.message


# Checks in a row


def with_last_checks(*bad):
    """A thousand good requests, then one check for each entry, with so many bad requests out of 100."""
    scrapes = [(115, 0, 0), (100, 0, 0)]
    total = wrong = 0
    for number, share in enumerate(bad):
        total, wrong = total + 100, wrong + share
        scrapes.append((5 * (len(bad) - 1 - number), total, wrong))
    return errors(*scrapes)


def test_one_bad_check_neither_fails_nor_passes():
    said = answer(gate(), with_last_checks(0, 0, 100))

    assert said.verdict is Verdict.NO_DATA
    assert "1 of 3 checks" in said.message


def test_checks_must_be_over_the_limit_in_a_row():
    said = answer(gate(above=0.4), with_last_checks(100, 0, 0, 70, 100))

    assert said.verdict is Verdict.NO_DATA
    assert "2 of 3 checks" in said.message


def test_fewer_scrapes_than_checks_do_not_fail():
    assert answer(gate(checks=3), errors((5, 100, 100), (0, 200, 200))).verdict is Verdict.NO_DATA


def test_what_was_bad_before_the_window_is_forgotten():
    recovered = errors((115, 0, 0), (70, 1000, 1000), (10, 2000, 1000), (5, 2100, 1000), (0, 2200, 1000))

    assert answer(gate(), recovered).verdict is Verdict.PASS


# Enough requests


def test_too_few_requests_within_the_window_do_not_fail_however_bad():
    few = errors((115, 0, 0), (10, 40, 40), (5, 45, 45), (0, 49, 49))

    assert answer(gate(min_requests=50), few).verdict is Verdict.NO_DATA


def test_a_step_is_not_passed_on_the_requests_of_the_step_before():
    soon = answer(gate(min_requests=60), ramp(0.0), step=9)
    later = answer(gate(min_requests=60), ramp(0.0), step=15)

    assert soon.verdict is Verdict.NO_DATA
    assert soon.message == "50 of 60 requests needed in this step"
    assert later.verdict is Verdict.PASS


def test_after_prometheus_has_lost_its_history_a_step_is_not_passed_on_the_requests_of_its_pods_whole_life():
    lost, seen = (5, 10_000, 0), (0, 10_050, 0)

    assert answer(gate(min_requests=51), errors(lost, seen), step=8).verdict is Verdict.NO_DATA
    assert answer(gate(min_requests=50), errors(lost, seen), step=8).verdict is Verdict.PASS


def test_a_new_step_can_fail_on_the_requests_of_the_step_before():
    assert answer(gate(), ramp(0.5), step=1).verdict is Verdict.FAIL


# Another attempt


def retried(*since, pods=("a",)):
    """500 requests of 500 bad until 30 s ago, when that attempt was ended; then these of the present one."""
    before = [(115, 0, 0), (60, 300, 300), (30, 500, 500)]
    scrapes = tuple(Scrape(NOW - ago, total, bad) for ago, total, bad in [*before, *since])
    return Evidence(errors=History(since=NOW - 120, pods=tuple(PodHistory(pod, scrapes) for pod in pods)), slower={})


def retry(asked, evidence, *, ago):
    return judge(asked, evidence, attempt_started_at=NOW - ago, step_started_at=NOW - ago, now=NOW)


def test_an_attempt_is_not_failed_by_the_requests_of_the_one_before():
    said = retry(gate(), retried((20, 500, 500), (10, 600, 500), (5, 700, 500), (0, 800, 500)), ago=25)

    assert said.verdict is Verdict.PASS
    assert (said.value, said.requests) == (0.0, 300)


def test_what_a_pod_answered_between_two_scrapes_around_the_beginning_is_nobodys():
    straddling = retried((20, 600, 600), (10, 600, 600), (5, 700, 600), (0, 800, 600), pods=("a", "b"))

    assert retry(gate(), straddling, ago=25).verdict is Verdict.PASS
    assert retry(gate(), straddling, ago=25).requests == 400


def test_an_attempt_fails_on_its_own_requests_within_the_window():
    worse_again = retried((20, 500, 500), (10, 600, 600), (5, 700, 700), (0, 800, 800))

    said = retry(gate(), worse_again, ago=25)
    assert said.verdict is Verdict.FAIL
    assert (said.value, said.requests) == (1.0, 300)


def test_a_pod_that_comes_in_the_middle_of_an_attempt_counts_from_its_first_request():
    there = PodHistory("a", (Scrape(NOW - 115, 0, 0), Scrape(NOW - 20, 0, 0), Scrape(NOW - 5, 0, 0), Scrape(NOW, 0, 0)))
    came = PodHistory("b", (Scrape(NOW - 5, 80, 80), Scrape(NOW, 90, 90)))

    said = retry(gate(checks=2), Evidence(errors=History(since=NOW - 120, pods=(there, came)), slower={}), ago=25)
    assert said.verdict is Verdict.FAIL
    assert said.requests == 90


def test_before_the_first_scrape_of_an_attempt_there_is_no_data():
    assert retry(gate(), retried((5, 500, 500)), ago=2).verdict is Verdict.NO_DATA


def test_an_attempt_that_began_in_the_future_by_a_clock_set_back_since_is_judged_all_the_same():
    assert retry(gate(), ramp(0.5), ago=-3600).verdict is Verdict.FAIL


# Latency


def slow(*edges, bad=0.5):
    return Evidence(errors=EMPTY, slower={edge: ramp(bad).errors for edge in edges})


def test_latency_is_judged_at_the_edge_it_names():
    seen = Evidence(errors=EMPTY, slower={0.25: ramp(0.5).errors, 0.5: ramp(0.0).errors})

    assert answer(gate(slower_than=0.25), seen).verdict is Verdict.FAIL
    assert answer(gate(slower_than=0.5), seen).verdict is Verdict.PASS


def test_a_latency_that_is_no_edge_is_refused_and_the_edges_are_named():
    said = answer(gate(slower_than=0.3), slow(0.25, 0.5, 1.0))

    assert said.verdict is Verdict.UNAVAILABLE
    assert said.message == "300ms is not an edge of the histogram, whose edges are 0.25s, 0.5s, 1s"
    assert not said.answerable, "no wait brings such an edge"


def test_without_a_histogram_there_is_no_data_yet():
    assert answer(gate(slower_than=0.3), Evidence(errors=EMPTY, slower={})).verdict is Verdict.NO_DATA


# Whatever was scraped

SCRAPES = st.lists(
    st.tuples(st.floats(0, 110), st.integers(0, 100), st.integers(0, 100)), max_size=10, unique_by=lambda s: s[0]
)


def any_errors(found):
    total = bad = 0
    scrapes = [(115.0, 0, 0)]
    for ago, good, wrong in sorted(found, reverse=True):
        total, bad = total + good + wrong, bad + wrong
        scrapes.append((ago, total, bad))
    return errors(*scrapes)


@given(SCRAPES, st.floats(0, 120), st.integers(1, 4), st.integers(1, 200))
def test_no_verdict_ever_stands_on_fewer_requests_than_asked_for(found, step, checks, least):
    said = answer(gate(checks=checks, min_requests=least), any_errors(found), step=step)

    if said.verdict in (Verdict.PASS, Verdict.FAIL):
        assert said.requests >= least
        assert said.value is not None
        assert (said.value > said.limit) == (said.verdict is Verdict.FAIL)


@given(SCRAPES, st.floats(0, 120))
def test_without_a_bad_request_nothing_fails(found, step):
    said = answer(gate(), any_errors([(ago, good, 0) for ago, good, _ in found]), step=step)

    assert said.verdict is not Verdict.FAIL


@pytest.mark.parametrize("checks", [1, 5])
def test_a_gate_asks_for_as_many_checks_as_it_says(checks):
    assert answer(gate(checks=checks), with_last_checks(*[100] * checks)).verdict is Verdict.FAIL
    assert answer(gate(checks=checks), with_last_checks(*[100] * (checks - 1))).verdict is Verdict.NO_DATA
