"""Numbers that others published or computed: of what decides here, and of what decisions are measured against.

More of them stand where the function that they judge has its other tests: Wilson's and Newcombe's intervals, tea
tasting and the sample size in `test_analysis_classics`, the index of drift in `test_analysis_drift`.
"""

from math import log, sqrt

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import nchypergeom_fisher

from hack.bench.verdicts import looks, sequences
from sluice_operator.analysis.odds import EQUAL, LOG_GRID, Tick, log_likelihood_ratios
from sluice_operator.analysis.split import log_evidence_of_split

TWICE = 40
"""Index of the odds ratio 2."""


def ratio_of_two_to_one(x, *, candidate, stable, bad):
    counts = (np.array([count]) for count in (candidate, x, stable, bad - x))
    return log_likelihood_ratios(Tick(np.zeros(1), *counts), np.zeros((1, 0)))[0, TWICE]


def test_a_ticks_likelihood_is_scipys():
    assert np.exp(LOG_GRID[[EQUAL, TWICE]]) == pytest.approx([1, 2])
    want = nchypergeom_fisher.logpmf(7, 1000, 100, 12, 2) - nchypergeom_fisher.logpmf(7, 1000, 100, 12, 1)
    assert ratio_of_two_to_one(7, candidate=100, stable=900, bad=12) == pytest.approx(want, abs=1e-6)


def test_a_bet_where_nothing_differs_has_a_mean_of_one():
    ways = nchypergeom_fisher.pmf(np.arange(13), 1000, 100, 12, 1)
    bets = [np.exp(ratio_of_two_to_one(x, candidate=100, stable=900, bad=12)) for x in range(13)]

    assert (ways * bets).sum() == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize(
    ("counts", "odds"),
    [((30, 170), 2.757221516902676), ((55, 345), 3.9766338266489827), ((95, 505), 1652.2003049921402)],
)
def test_uneven_traffic_shows_as_in_savvi(counts, odds):
    """The package savvi 0.3.1, by the authors of the test: weights 0.1 and 0.9, concentration 100."""
    evidence = log_evidence_of_split(np.array([counts]), np.array([[0.1, 0.9]]))

    assert np.exp(evidence[0]) == pytest.approx(odds, rel=1e-9)


def test_weights_that_cannot_be_are_refused():
    for weights in ([[0.0, 1.0]], [[0.5, 0.6]]):
        with pytest.raises(ValueError, match="weights"):
            log_evidence_of_split(np.array([[1, 2]]), np.array(weights))


def test_normal_mixtures_are_those_of_confseq():
    """Unit tests of confseq, against the authors' R code."""
    two, one = sequences.best_rho(100, 0.05), sequences.best_rho(100, 0.1)

    assert two == pytest.approx(12.60056, abs=1e-4)
    assert sequences.normal_mixture(10, 100, two) == pytest.approx(-0.6510052, abs=1e-5)
    assert sequences.half_normal_mixture(10, 100, one) == pytest.approx(-0.06502391, abs=1e-5)
    assert bound(lambda s: sequences.normal_mixture(s, 100, two)) == pytest.approx(30.35209, abs=1e-4)
    assert bound(lambda s: sequences.half_normal_mixture(s, 100, one)) == pytest.approx(27.66071, abs=1e-4)


def bound(log_mixture, most=200):
    return brentq(lambda s: log_mixture(s) - log(20), 0, most)


def beta_binomial(total, *, one_sided):
    rho = sequences.best_rho(100, 0.1 if one_sided else 0.05)
    return sequences.beta_binomial_mixture(total, 100, down=0.2, up=0.8, rho=rho, one_sided=one_sided)


def test_beta_binomial_mixtures_are_those_of_confseq():
    assert beta_binomial(10, one_sided=False) == pytest.approx(-0.6941012, abs=1e-5)
    assert beta_binomial(10, one_sided=True) == pytest.approx(-0.07134019, abs=1e-5)
    assert bound(lambda s: beta_binomial(s, one_sided=True), most=400) == pytest.approx(28.41238, abs=1e-4)


def test_the_interval_of_a_share_is_that_of_confseq():
    found = sequences.bernoulli_interval(700, 1000, alpha=0.05, tightest_at=100)

    assert found == pytest.approx((0.651629, 0.745949), abs=2e-3)


@pytest.mark.parametrize(
    ("spending", "want"),
    [
        (looks.obrien_fleming, [4.8769, 3.3569, 2.6803, 2.2898, 2.0310]),
        (looks.pocock, [2.4380, 2.4268, 2.4101, 2.3966, 2.3859]),
    ],
)
def test_boundaries_are_those_of_lan_and_demets(spending, want):
    assert looks.boundary([0.2, 0.4, 0.6, 0.8, 1.0], 0.025, spending) == pytest.approx(want, abs=2e-4)


@pytest.mark.parametrize(
    ("count", "chance"), [(1, 0.05), (2, 0.083), (5, 0.142), (10, 0.193), (20, 0.248), (50, 0.320)]
)
def test_looking_again_is_significant_as_often_as_armitage_mcpherson_and_rowe_say(count, chance):
    times = [look / count for look in range(1, count + 1)]

    assert looks.chance_to_cross(times, 1.96) == pytest.approx(chance, abs=6e-4)


@pytest.mark.parametrize(
    ("critical", "expected", "relative_rate", "chance"),
    [
        (2.853937, 1, 1, 0.05),
        (3.628123, 20, 1, 0.05),
        (2.853937, 1, 2, 0.185),
        (3.467952, 10, 2, 0.685),
        (3.628123, 20, 2, 0.921),
        (3.819903, 50, 1.5, 0.803),
        (3.467952, 10, 3, 0.989),
    ],
)
def test_the_poisson_test_signals_as_often_as_kulldorff_says(critical, expected, relative_rate, chance):
    """Kulldorff et al. 2011, Tables 1 and 2."""
    found = looks.chance_to_signal(critical, expected=expected, relative_rate=relative_rate)

    assert found == pytest.approx(chance, abs=6e-4)


def test_the_asymptotic_sequence_is_growthbooks():
    """GrowthBook's own unit test of its one-sided sequential t-test."""
    stable = {"sum": 1396.87, "squares": 52377.9767, "count": 3000}
    candidate = {"sum": 2422.7, "squares": 134698.29, "count": 3461}

    def variance_of_mean(arm):
        return (arm["squares"] - arm["sum"] ** 2 / arm["count"]) / (arm["count"] - 1) / arm["count"]

    error = sqrt(variance_of_mean(stable) + variance_of_mean(candidate))
    difference = candidate["sum"] / candidate["count"] - stable["sum"] / stable["count"]
    width = sequences.asymptotic_half_width(error, 6461, alpha=0.05, tightest_at=5000)

    assert error == pytest.approx(0.12983081254184736, abs=1e-9)
    assert difference - width == pytest.approx(-0.12656844172804982, abs=1e-6)
