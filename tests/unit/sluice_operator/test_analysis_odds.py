"""The likelihood of a tick is Fisher's noncentral hypergeometric distribution, whatever its size."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import gammaln, logsumexp
from scipy.stats import nchypergeom_fisher

from sluice_operator.analysis.odds import EQUAL, LOG_GRID, MOST_REQUESTS, Tick, log_likelihood_ratios


def tick(*rows, at=1.0):
    """Rows as (candidate bad, candidate, stable bad, stable)."""
    x, n, y, m = (np.array(column, dtype=np.int64) for column in zip(*rows, strict=True))
    return Tick(at=np.full(len(rows), at), candidate=n, candidate_bad=x, stable=m, stable_bad=y)


def ratios(*rows, own=()):
    return log_likelihood_ratios(tick(*rows), np.tile(np.log(own), (len(rows), 1)))


def summed_term_by_term(x, n, y, m, log_odds):
    j = np.arange(max(0, x + y - m), min(n, x + y) + 1)
    ways = -gammaln(j + 1) - gammaln(n - j + 1) - gammaln(x + y - j + 1) - gammaln(m - x - y + j + 1)
    norm = logsumexp(ways[:, None] + j[:, None] * log_odds, axis=0)
    return x * log_odds - norm + logsumexp(ways)


@pytest.mark.parametrize(
    "row",
    [(7, 100, 5, 900), (0, 100, 5, 900), (3, 20, 1, 20), (1, 1, 0, 50), (40, 100, 60, 900), (150, 300, 100, 300)],
)
def test_it_is_scipys_distribution(row):
    x, n, y, m = row
    own = [1.2, 2.0]

    got = ratios(row, own=own)[0]

    odds = np.concatenate([np.exp(LOG_GRID), own])
    # scipy computes every outcome's probability with a relative error of about 1e-9 of the greatest one.
    want = [
        nchypergeom_fisher.logpmf(x, n + m, n, x + y, psi) - nchypergeom_fisher.logpmf(x, n + m, n, x + y, 1.0)
        for psi in odds
    ]
    likely = np.array(want) > -12
    assert likely.sum() > 5
    np.testing.assert_allclose(got[likely], np.array(want)[likely], atol=1e-6)


@pytest.mark.parametrize(
    "row",
    [
        (90, 1000, 60, 9000),
        (400, 500, 900, 900),
        (600, 3000, 900, 9000),
        (1500, 3000, 600, 9000),
        (4000, 5000, 100, 5000),
        (2500, 3000, 40, 1_000_000),
        (5, 5_000, 4_000, 1_000_000),
        (12, 5_000, 2_000, 1_000_000),
        (20_000, 60_000, 12_000, 60_000),
        (499, 500, 4, 100_000),
    ],
)
def test_many_outcomes_are_added_up_as_if_one_by_one(row):
    got = ratios(row, own=[1.2])[0]

    want = summed_term_by_term(*row, np.append(LOG_GRID, np.log(1.2)))
    np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-6)


def test_the_greatest_tick_is_counted():
    most = MOST_REQUESTS

    got = ratios((most // 2, most, most // 2, most))[0]

    assert np.isfinite(got).all()
    assert got.argmax() == EQUAL


@pytest.mark.parametrize("row", [(0, 0, 5, 100), (2, 10, 0, 0), (0, 10, 0, 100), (10, 10, 90, 90), (0, 0, 0, 0)])
def test_what_cannot_tell_the_arms_apart_says_nothing(row):
    assert not ratios(row, own=[1.2, 2.0]).any()


def small_rows():
    arms = st.integers(0, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
    return st.tuples(arms, arms).map(lambda both: (*both[0], *both[1]))


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(small_rows(), min_size=1, max_size=8))
def test_rows_do_not_disturb_each_other(rows):
    together = ratios(*rows, (300, 900, 100, 900), own=[1.2])

    for row, got in zip(rows, together, strict=False):
        np.testing.assert_allclose(got, ratios(row, own=[1.2])[0], atol=1e-9)
        np.testing.assert_allclose(got, summed_term_by_term(*row, np.append(LOG_GRID, np.log(1.2))), atol=1e-7)


@settings(max_examples=60, deadline=None)
@given(row=small_rows())
def test_exchanging_the_arms_turns_the_odds_ratio_over(row):
    x, n, y, m = row
    inner = slice(EQUAL - 32, EQUAL + 33)

    np.testing.assert_allclose(ratios(row)[0][inner], ratios((y, m, x, n))[0][inner][::-1], atol=1e-7)


@pytest.mark.parametrize(
    ("row", "error"),
    [((3, 2, 0, 5), "bad"), ((0, 2, -1, 5), "bad"), ((0, MOST_REQUESTS + 1, 0, 5), "bad"), ((0, -1, 0, 5), "bad")],
)
def test_counts_that_cannot_be_are_refused(row, error):
    with pytest.raises(ValueError, match=error):
        tick(row)


def test_fractions_of_requests_are_refused():
    whole, half = np.array([10]), np.array([2.5])
    with pytest.raises(TypeError):
        Tick(at=np.zeros(1), candidate=whole, candidate_bad=half, stable=whole, stable_bad=whole)


def test_arrays_of_different_lengths_are_refused():
    one, two = np.array([1]), np.array([1, 1])
    with pytest.raises(ValueError, match="length"):
        Tick(at=np.zeros(1), candidate=two, candidate_bad=two, stable=one, stable_bad=two)
