"""The moment of the first breach is recomputed from counter samples alone."""

from bisect import bisect_right

from hypothesis import given
from hypothesis import strategies as st

from hack.demo.breach import Limit, first_breach, increase, risen, weight_zero_at
from hack.demo.record import RouteState

LIMIT = Limit(above=0.05, window=20, min_requests=20)
SERVICES = {"sms-classifier-1-1-0-0a1b2c3d": "1.1.0", "sms-classifier-1-0-0-0a1b2c3d": "1.0.0"}


def route(at, **weights):
    names = {"stable": "sms-classifier-1-0-0-0a1b2c3d", "candidate": "sms-classifier-1-1-0-0a1b2c3d"}
    return RouteState(at=at, weights={names[name]: weight for name, weight in weights.items()})


def test_a_ratio_at_the_limit_is_still_good_and_one_above_it_is_a_breach():
    total = [[(0, 100), (2, 200)]]

    assert first_breach(bad=[[(0, 5), (2, 10)]], total=total, limit=LIMIT) is None
    assert first_breach(bad=[[(0, 5), (2, 11)]], total=total, limit=LIMIT) == 2


def test_there_is_no_breach_below_the_minimum_of_requests():
    assert first_breach(bad=[[(0, 19), (2, 20)]], total=[[(0, 19), (2, 20)]], limit=LIMIT) == 2


def test_a_series_that_appears_late_began_at_zero():
    """The series of status 500 first exists at the scrape after the first error."""
    total = [[(0, 100), (2, 110)], [(2, 20)]]

    assert first_breach(bad=[[(2, 20)]], total=total, limit=LIMIT) == 2


def test_what_lies_before_the_window_does_not_count():
    bad = [[(0, 0), (100, 0), (120, 2)]]
    total = [[(0, 1000), (100, 1000), (120, 1030)]]

    assert first_breach(bad=bad, total=total, limit=LIMIT) == 120


def test_a_counter_that_falls_began_again_at_zero():
    assert risen([(0, 5), (1, 8), (2, 3), (3, 4)]) == [(0, 5), (1, 8), (2, 11), (3, 12)]


def test_pods_that_are_scraped_at_different_moments_are_counted_together():
    total = [[(0.0, 0), (2.0, 15)], [(0.5, 0), (2.5, 15)]]
    bad = [[(0.0, 0), (2.0, 2)], [(0.5, 0), (2.5, 0)]]

    assert first_breach(bad=bad, total=total, limit=LIMIT) == 2.5


def test_without_samples_there_is_no_breach():
    assert first_breach(bad=[], total=[], limit=LIMIT) is None


@given(
    events=st.lists(st.tuples(st.integers(0, 60), st.booleans()), max_size=300),
    interval=st.integers(1, 5),
    limit=st.builds(
        Limit, above=st.sampled_from([0.05, 0.2]), window=st.integers(2, 30), min_requests=st.integers(1, 30)
    ),
)
def test_the_breach_is_where_counting_the_requests_themselves_finds_it(events, interval, limit):
    """Counters are only a way to write requests down: at every scrape both must give the same ratio."""
    times = sorted(at for at, _ in events)
    failed = sorted(at for at, ok in events if not ok)
    scrapes = range(0, 61, interval)

    def counter(moments):
        return [(float(at), float(bisect_right(moments, at))) for at in scrapes]

    def seen_at(at):
        """The scrape that stands for a moment: counts are only known as of scrapes."""
        return max((scrape for scrape in scrapes if scrape <= at), default=-1)

    def count(moments, at):
        return sum(seen_at(at - limit.window) < one <= at for one in moments)

    expected = next(
        (
            at
            for at in scrapes
            if count(times, at) >= limit.min_requests and count(failed, at) / count(times, at) > limit.above
        ),
        None,
    )

    assert first_breach(bad=[counter(failed)], total=[counter(times)], limit=limit) == expected


@given(st.lists(st.floats(0, 1e6), min_size=1), st.integers(0, 50), st.integers(0, 50))
def test_an_increase_is_never_negative_and_adds_up(values, one, other):
    series = [risen([(float(at), value) for at, value in enumerate(values)])]
    middle, end = sorted((one, other))

    whole = increase(series, start=-1, end=end)
    parts = increase(series, start=-1, end=middle) + increase(series, start=middle, end=end)

    assert whole >= 0
    assert abs(whole - parts) <= 1e-6 * max(1.0, whole)


def test_weight_zero_is_when_the_route_was_first_seen_without_the_version_for_good():
    routes = [
        route(0, stable=100),
        route(5, stable=90, candidate=10),
        route(6, stable=100, candidate=0),
        route(7, stable=90, candidate=10),
        route(9, stable=100, candidate=0),
        route(12, stable=100),
    ]

    assert weight_zero_at(routes, "1.1.0", SERVICES) == 9


def test_a_version_that_has_traffic_or_never_had_any_has_no_moment_of_weight_zero():
    assert weight_zero_at([route(5, stable=90, candidate=10)], "1.1.0", SERVICES) is None
    assert weight_zero_at([route(5, stable=100, candidate=0)], "1.1.0", SERVICES) is None


def test_a_route_that_is_deleted_sends_nothing():
    assert weight_zero_at([route(5, stable=90, candidate=10), route(8)], "1.1.0", SERVICES) == 8
