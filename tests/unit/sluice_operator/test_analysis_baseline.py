"""What stable does by itself is measured among its pods, before the attempt."""

import numpy as np
import pytest

from sluice_operator.analysis.baseline import measured_dispersion, measured_rate
from sluice_operator.analysis.counts import History, PodHistory, Scrape
from sluice_operator.analysis.eprocess import UNKNOWN_DISPERSION

T = 100_000.0


def history(*pods):
    """Pods whose scrapes come every five seconds; each is a list of (requests, bad ones) between two scrapes."""
    found = []
    for number, counted in enumerate(pods):
        sums = np.cumsum([(0, 0), *counted], axis=0)
        scrapes = tuple(Scrape(T + 5 * at + number, float(t), float(b)) for at, (t, b) in enumerate(sums))
        found.append(PodHistory(f"p{number}", scrapes))
    return History(since=T - 60, pods=tuple(found))


def seeded(*, burst, ticks=400, pods=3):
    generator = np.random.default_rng(5)
    bad = np.minimum(generator.poisson(6 / burst, size=(pods, ticks)) * burst, 100)
    return history(*([(100, b) for b in pod] for pod in bad))


def one_after_the_other(before, then):
    last = before.scrapes[-1]
    later = (Scrape(s.at + 2010, s.total + last.total, s.bad + last.bad) for s in then.scrapes)
    return PodHistory(before.pod, (*before.scrapes, *later))


def measured(found, since=T - 60, until=T + 10_000):
    return measured_dispersion(found, span=5.0, since=since, until=until)


def test_failures_that_come_alone_are_as_far_apart_as_chance_makes_them():
    assert measured(seeded(burst=1)) == pytest.approx(1.0, abs=0.15)


def test_failures_that_come_in_bursts_vary_by_their_length():
    assert measured(seeded(burst=4)) == pytest.approx(4.0, rel=0.25)


@pytest.mark.parametrize("found", [history(), history([(100, 6)] * 100), history([(100, 0)] * 99, [(100, 0)] * 99)])
def test_one_pod_or_no_failure_says_nothing(found):
    assert measured(found) == UNKNOWN_DISPERSION


def test_only_what_was_before_the_attempt_is_looked_at():
    calm, wild = seeded(burst=1), seeded(burst=4)
    both = History(T - 60, tuple(map(one_after_the_other, calm.pods, wild.pods)))

    assert measured(both, until=T + 2005) == pytest.approx(measured(calm))
    assert measured(both, since=T + 2010) == pytest.approx(measured(wild), rel=0.01)


def test_a_process_that_starts_again_and_a_gap_make_no_burst():
    calm = seeded(burst=1)
    first, *others = calm.pods
    again = tuple(
        s if s.at < T + 1000 else Scrape(s.at, s.total - first.scrapes[200].total, s.bad - first.scrapes[200].bad)
        for s in first.scrapes
        if not T + 500 < s.at < T + 800
    )

    assert measured(History(calm.since, (PodHistory("p0", again), *others))) == pytest.approx(1.0, abs=0.15)


# How many requests there are


def asked(*totals, every=15):
    """A pod that has answered so many requests by each scrape."""
    return PodHistory("p", tuple(Scrape(T + every * n, float(total), 0.0) for n, total in enumerate(totals)))


def rate(*pods, since=T, until=T + 10_000):
    return measured_rate(History(since=T - 60, pods=pods), since=since, until=until)


def test_the_requests_of_all_pods_over_the_time_in_which_they_were_scraped():
    assert rate(asked(100, 130, 160, 190, 220)) == 2.0
    assert rate(asked(100, 130, 160, 190, 220), asked(7, 22, 37, 52, 67)) == 3.0


def test_a_process_that_starts_again_counts_from_0():
    assert rate(asked(100, 130, 30, 60, 90)) == 2.0


def test_what_was_scraped_earlier_or_later_is_not_counted():
    whole = asked(0, 1000, 1030, 1060, 1090, 1120, 9000)

    assert rate(whole, since=T + 15, until=T + 75) == 2.0


def test_after_less_than_a_minute_nobody_knows():
    assert rate(asked(100, 130, 160, 190)) is None
    assert rate(asked()) is None
    assert rate() is None


def test_who_was_asked_nothing_has_no_requests():
    assert rate(asked(5, 5, 5, 5, 5)) == 0
