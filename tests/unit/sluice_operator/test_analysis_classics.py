"""The tests and intervals of the textbooks give the textbooks' numbers."""

from math import inf, isnan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluice_operator.analysis.classics import (
    Counts,
    Sample,
    chance_greater,
    chi_square,
    fisher_exact,
    posterior,
    two_proportion_z,
    welch_t,
)
from sluice_operator.analysis.intervals import newcombe, wilson
from sluice_operator.analysis.power import Difference, power, sample_size


@pytest.mark.parametrize(
    ("counts", "low", "high"),
    [
        (Counts(81, 263), 0.2553, 0.3662),
        (Counts(15, 148), 0.0624, 0.1605),
        (Counts(0, 20), 0.0, 0.1611),
        (Counts(1, 29), 0.0061, 0.1718),
    ],
)
def test_wilson_has_the_intervals_of_newcombes_table(counts, low, high):
    """Newcombe 1998, *Two-sided confidence intervals for the single proportion*, Table I, method 3."""
    assert wilson(counts).low == pytest.approx(low, abs=1e-4)
    assert wilson(counts).high == pytest.approx(high, abs=1e-4)


def test_newcombe_has_the_interval_of_newcombes_table():
    """Newcombe 1998, *Interval estimation for the difference between independent proportions*, Table II, method 10."""
    found = newcombe(Counts(56, 70), Counts(48, 80))

    assert (found.low, found.high) == pytest.approx((0.0524, 0.3339), abs=1e-4)


def test_fisher_has_the_p_value_of_the_lady_who_tasted_tea():
    assert fisher_exact(Counts(3, 4), Counts(1, 4)).p_value == pytest.approx(0.485714, abs=1e-6)


def test_sample_size_is_that_of_r():
    """R: power.prop.test(p1=.01, p2=.02, power=.8) gives n = 2318.2 in each arm."""
    twice = Difference(stable=0.01, candidate=0.02)

    assert sample_size(twice) == 2319
    assert power(twice, requests=2318) < 0.8 < power(twice, requests=2319)


def test_a_small_share_of_traffic_needs_fewer_requests_to_the_candidate_and_more_in_all():
    even, tenth = (sample_size(Difference(stable=0.01, candidate=0.02, weight=weight)) for weight in (0.5, 0.1))

    assert tenth < even
    assert tenth / 0.1 > even / 0.5


@pytest.mark.parametrize(
    "wrong", [{"stable": 0.0}, {"candidate": 1.0}, {"weight": 1.0}, {"candidate": 0.01}, {"stable": float("nan")}]
)
def test_a_difference_that_cannot_be_found_is_refused(wrong):
    with pytest.raises(ValueError, match="shares"):
        Difference(**({"stable": 0.01, "candidate": 0.02} | wrong))


def test_welch_has_the_result_of_the_students_data():
    """Student's sleep data as in R's manual: t.test(extra ~ group) gives t = -1.8608, p-value = 0.07939."""
    found = welch_t(Sample(0.75, 1.789010, 10), Sample(2.33, 2.002249, 10))

    assert found.statistic == pytest.approx(-1.8608, abs=1e-4)
    assert found.p_value == pytest.approx(0.07939, abs=1e-5)


def test_what_does_not_vary_differs_or_does_not():
    assert welch_t(Sample(1.0, 0.0, 5), Sample(1.0, 0.0, 5)).p_value == 1
    assert welch_t(Sample(1.0, 0.0, 5), Sample(2.0, 0.0, 5)).statistic == -inf
    assert welch_t(Sample(1.0, 0.0, 5), Sample(2.0, 0.0, 5)).p_value == 0


def arms():
    return st.integers(1, 500).flatmap(lambda total: st.builds(Counts, st.integers(0, total), st.just(total)))


@settings(max_examples=25, deadline=None)
@given(candidate=arms(), stable=arms())
def test_chi_square_is_the_square_of_z(candidate, stable):
    z, chi = two_proportion_z(candidate, stable), chi_square(candidate, stable)

    assert chi.statistic == pytest.approx(z.statistic**2, abs=1e-8)
    assert chi.p_value == pytest.approx(z.p_value, abs=1e-8)


@settings(max_examples=25, deadline=None)
@given(candidate=arms(), stable=arms())
def test_intervals_hold_what_was_seen(candidate, stable):
    assert 0 <= wilson(candidate).low <= candidate.share + 1e-12
    assert candidate.share - 1e-12 <= wilson(candidate).high <= 1
    found = newcombe(candidate, stable)
    assert -1 - 1e-12 <= found.low <= candidate.share - stable.share <= found.high <= 1 + 1e-12


@settings(max_examples=25, deadline=None)
@given(candidate=arms(), stable=arms())
def test_one_of_the_two_is_greater(candidate, stable):
    assert chance_greater(candidate, stable) + chance_greater(stable, candidate) == pytest.approx(1, abs=1e-6)


def test_the_chance_to_be_greater_is_the_integral():
    """Beta(2, 1) against Beta(2, 2): the integral over p of 2p (3p² - 2p³)."""
    assert chance_greater(Counts(1, 1), Counts(1, 2)) == pytest.approx(0.7, abs=1e-9)


def test_the_posterior_of_nothing_bad_is_that_of_laplace():
    found = posterior(Counts(0, 18))

    assert found.mean == pytest.approx(1 / 20)
    assert found.low == pytest.approx(1 - 0.975 ** (1 / 19))
    assert found.high == pytest.approx(1 - 0.025 ** (1 / 19))


def test_without_a_failure_nothing_differs():
    none, few = Counts(0, 10), Counts(0, 5)

    assert two_proportion_z(none, few).p_value == chi_square(none, few).p_value == fisher_exact(none, few).p_value == 1
    assert isnan(fisher_exact(none, few).statistic)


@pytest.mark.parametrize("wrong", [(-1, 5), (6, 5), (0, 0)])
def test_counts_that_cannot_be_are_refused(wrong):
    with pytest.raises(ValueError, match="expected"):
        Counts(*wrong)


@pytest.mark.parametrize("wrong", [(1.0, 0.1, 1), (1.0, -0.1, 5), (1.0, float("nan"), 5)])
def test_samples_that_cannot_be_are_refused(wrong):
    with pytest.raises(ValueError, match="expected"):
        Sample(*wrong)
