"""The population stability index says that something moved only where something did."""

import numpy as np
import pytest
from scipy.stats import chi2, entropy

from sluice_operator.analysis.drift import drift, part_of_alpha

EVEN = np.full(10, 0.1)
MOVED = np.array([0.02, 0.02, 0.03, 0.05, 0.08, 0.1, 0.1, 0.15, 0.2, 0.25])
MOVED_BY = float(((MOVED - EVEN) * np.log(MOVED / EVEN)).sum())


def drifts(shares, *, requests, runs=200, reference=5000):
    generator = np.random.default_rng(1)
    pairs = ((generator.multinomial(requests, shares), generator.multinomial(reference, EVEN)) for _ in range(runs))
    return [drift(*pair) for pair in pairs]


def test_it_is_the_sum_of_both_divergences():
    sample, reference = np.array([200, 300, 500]), np.array([250, 350, 400])

    p, q = (sample + 0.5) / 1001.5, (reference + 0.5) / 1001.5
    assert drift(sample, reference).index == pytest.approx(entropy(p, q) + entropy(q, p), abs=1e-12)


def test_two_samples_of_one_population_have_an_index_that_is_taken_off():
    found = drifts(EVEN, requests=300)

    bias = 9 * (1 / 300 + 1 / 5000)
    assert np.mean([one.index for one in found]) == pytest.approx(bias, rel=0.1)
    assert np.mean([one.corrected for one in found]) == pytest.approx(0, abs=0.1 * bias)
    assert np.mean([one.low > 0 for one in found]) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 200)


def test_what_moved_lies_within_the_interval():
    found = drifts(MOVED, requests=1000, runs=100)

    inside = np.mean([one.low <= MOVED_BY <= one.high for one in found])
    assert inside >= 0.9 - 3 * np.sqrt(0.9 * 0.1 / 100)
    assert np.mean([one.low > 0.25 for one in found]) > 0.9


@pytest.mark.parametrize("moved", range(0, 100, 5))
def test_the_lower_end_is_above_zero_where_a_chi_square_test_says_so(moved):
    found = drift(np.array([250 + moved, 250 - moved, 250, 250]), np.full(4, 500))

    significant = found.index * 1000 * 2000 / 3000 > chi2.isf(0.05, 3)
    assert (found.low > 0) == significant


def test_the_same_counts_have_not_moved():
    same = drift(np.full(4, 100), np.full(4, 100))

    assert same.index == 0
    assert same.corrected < 0
    assert same.low == same.high == 0


@pytest.mark.parametrize(("requests", "bins"), [(199, 2), (490, 50)])
def test_too_few_requests_say_nothing(requests, bins):
    few, many = np.bincount(np.arange(requests) % bins), np.full(bins, 1000)

    assert drift(few, many) is None
    assert drift(many, few) is None


@pytest.mark.parametrize(
    ("sample", "reference"), [([300, 1], [300]), ([300], [300]), ([-1, 500], [300, 1]), ([[300, 1]], [[300, 1]])]
)
def test_counts_that_cannot_be_are_refused(sample, reference):
    with pytest.raises(ValueError, match="expected"):
        drift(np.array(sample), np.array(reference))


def test_looks_together_err_no_more_than_alpha():
    assert sum(part_of_alpha(0.05, look=look) for look in range(1, 10_000)) == pytest.approx(0.05, rel=1e-3)
    assert sum(part_of_alpha(0.05, look=look) for look in range(1, 10_000)) < 0.05
