"""Spans are as long as it takes until what comes within them tells something, and what they lose is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import poisson

from sluice_operator.analysis.spans import LONGEST, fitting, kept, lost

# How long they are


@pytest.mark.parametrize(
    ("rate", "span"),
    [(1000, 5), (20, 5), (4, 5), (3.9, 10), (2, 10), (1, 20), (0.5, 40), (0.33, 60), (0.01, 60), (0, 60)],
)
def test_about_twenty_requests_come_within_a_span_of_a_minute_at_most(rate, span):
    assert fitting(5.0, rate=rate, weight=0.05) == span


@pytest.mark.parametrize(("weight", "span"), [(0.05, 5), (0.02, 5), (0.01, 10), (0.001, 60)])
def test_one_of_them_goes_to_the_version_that_gets_fewer(weight, span):
    assert fitting(5.0, rate=10, weight=weight) == span


def test_where_nobody_knows_the_traffic_spans_are_as_short_as_they_may_be():
    assert fitting(5.0, rate=None, weight=0.05) == 5


@given(st.integers(1, 300), st.floats(0, 1e9), st.floats(0.01, 0.5))
def test_a_span_is_a_whole_multiple_of_the_shortest_and_no_longer_than_a_minute_without_need(shortest, rate, weight):
    span = fitting(float(shortest), rate=rate, weight=weight)

    assert span % shortest == 0
    assert span == shortest or span <= LONGEST


# What they lose


@pytest.mark.parametrize(("requests", "part"), [(100, 0.01), (10, 0.1), (1, 0.632), (5e-6, 1)])
def test_a_request_that_is_alone_in_its_span_tells_nothing(requests, part):
    assert lost(requests) == pytest.approx(part, rel=0.01)


def test_what_short_spans_lose_is_what_the_engine_loses():
    """The information of a span about small odds is the variance of how its bad requests divide."""
    generator = np.random.default_rng(2)
    candidate, stable = generator.poisson(0.5, 200_000), generator.poisson(1.5, 200_000)
    both = candidate + stable

    told = (candidate * stable / np.maximum(both, 1)).sum() / (candidate.sum() * stable.sum() / both.sum())

    assert 1 - lost(2.0) == pytest.approx(told, rel=0.02)
    assert kept(lost(2.0), weight=0.25, odds=1.001) == pytest.approx(told, rel=0.02)


def exactly_kept(requests, weight, odds):
    """What a bad request adds on average to the bet on a good candidate in random spans, over what it adds in one."""
    candidate, stable = requests * weight, requests * (1 - weight)
    n, m = (np.arange(int(mean + 10 * mean**0.5 + 10)) for mean in (candidate, stable))
    chance = poisson.pmf(n, candidate)[:, None] * poisson.pmf(m, stable)
    total = n[:, None] + m
    share = n[:, None] / np.maximum(total, 1)
    growth = np.log1p(share * (odds - 1)) - share * np.log(odds)
    whole = np.log1p(weight * (odds - 1)) - weight * np.log(odds)
    return (chance * total * growth).sum() / (requests * whole)


@pytest.mark.parametrize("requests", [3, 10, 20, 100])
@pytest.mark.parametrize(
    ("weight", "odds"), [(0.05, 10), (0.05, 2), (0.1, 5), (0.25, 3), (0.5, 2), (0.95, 2), (0.01, 10)]
)
def test_about_great_odds_more_is_lost_where_the_candidate_gets_little(requests, weight, odds):
    assert kept(lost(requests), weight=weight, odds=odds) == pytest.approx(
        exactly_kept(requests, weight, odds), abs=0.06
    )


def test_at_the_usual_first_step_a_fitting_span_keeps_most_of_it():
    for rate in (0.5, 1.0, 2.0, 20.0):
        within = rate * fitting(5.0, rate=rate, weight=0.05)
        assert kept(lost(within), weight=0.05, odds=10) > 0.8
        assert kept(lost(within), weight=0.5, odds=2) > 0.94


@given(st.floats(1e-6, 1e9), st.floats(0.01, 0.99), st.floats(1.001, 32))
def test_what_is_kept_is_a_part(requests, weight, odds):
    assert 0 <= kept(lost(requests), weight=weight, odds=odds) <= 1
