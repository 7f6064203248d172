"""What is read from evidence: decisions, the estimate with its interval, one rollout's gates together."""

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import nchypergeom_fisher

from sluice_operator.analysis import readings
from sluice_operator.analysis.dispersion import dispersion
from sluice_operator.analysis.eprocess import Comparisons, Evidence
from sluice_operator.analysis.odds import LOG_GRID, Tick
from sluice_operator.analysis.onearm import log_evidence_above, log_evidence_below

ROLL_BACK = CLEARED = np.log(20)


def evidence(*rows, ticks=1, **asked):
    """Evidence of comparisons that saw one tick again and again: (candidate bad, candidate, stable bad, stable)."""
    settings = {"tolerance": 1.0, "worse_by": 2.0, "dispersion": 1.0, "negligible": 0.0} | asked
    found = Evidence.none(
        Comparisons(
            **{name: np.full(len(rows), value) for name, value in settings.items()},
            starts=np.ones(len(rows), dtype=np.int64),
        )
    ).begin(range(len(rows)))
    x, n, y, m = (np.array(column, dtype=np.int64) for column in zip(*rows, strict=True))
    for at in range(ticks):
        tick = Tick(at=np.full(len(rows), float(at)), candidate=n, candidate_bad=x, stable=m, stable_bad=y)
        found = found.after(tick)
    return found


def worse(found):
    return (readings.log_evidence_worse(found) >= ROLL_BACK).tolist()


def clear(found, **asked):
    return (readings.log_evidence_clear(found, **asked) >= CLEARED).tolist()


def test_a_version_that_fails_three_times_as_often_is_worse_and_one_that_fails_as_often_is_clear():
    found = evidence((3, 100, 9, 900), (1, 100, 9, 900), ticks=25)

    assert worse(found) == [True, False]
    assert clear(found) == [False, True]


def test_a_few_requests_decide_nothing():
    found = evidence((1, 20, 1, 180))

    assert worse(found) == clear(found) == [False]


def test_what_is_within_the_tolerance_is_not_worse():
    assert worse(evidence((24, 200, 200, 2000), ticks=40)) == [True]
    assert worse(evidence((24, 200, 200, 2000), ticks=40, tolerance=1.3)) == [False]


def test_bursts_need_more_requests():
    assert worse(evidence((3, 100, 9, 900), ticks=12)) == [True]
    assert worse(evidence((3, 100, 9, 900), ticks=12, dispersion=4.0)) == [False]


def test_a_small_share_of_traffic_clears_of_great_harm_first():
    found = evidence((1, 100, 9, 900), ticks=3)

    cleared = [clear(found, worse_by=np.array([factor]))[0] for factor in (10.0, 5.0, 3.0, 2.0)]

    assert cleared == [True, True, False, False], "the smaller the harm, the longer it takes to rule it out"


def test_what_must_be_ruled_out_grows_with_what_a_version_could_hurt_and_is_all_in_the_last_step():
    weight = np.array([0.05, 0.10, 0.24, 0.25, 0.50, 0.05, 0.05])
    last = np.array([False] * 5 + [True, False])
    worse_by = np.array([2.0] * 6 + [12.0])

    factors = readings.factor_to_clear(weight, last=last, worse_by=worse_by)

    assert factors.tolist() == [10, 5, 5, 3, 2, 2, 12]


def test_a_factor_off_the_grid_is_rounded_to_the_side_that_is_harder_to_clear():
    found = evidence((1, 100, 9, 900), ticks=6)

    below, exact, above = (
        readings.log_evidence_clear(found, worse_by=np.array([factor]))[0] for factor in (9.0, 2.0**3.25, 10.0)
    )

    assert below < exact == above
    own = evidence((1, 100, 9, 900), ticks=6, worse_by=2.0**3.25)
    assert exact == pytest.approx(readings.log_evidence_clear(own)[0])


def test_it_is_never_cleared_of_less_than_the_comparisons_own_factor():
    found = evidence((1, 100, 9, 900), ticks=20, worse_by=3.0)

    lenient = readings.log_evidence_clear(found, worse_by=np.array([1.1]))

    assert lenient == pytest.approx(readings.log_evidence_clear(found))


def test_where_nothing_fails_only_a_negligible_share_can_be_cleared():
    quiet = (0, 100, 0, 900)

    assert clear(evidence(quiet, ticks=90)) == [False]
    assert clear(evidence(quiet, ticks=6, negligible=0.005)) == [False]
    assert clear(evidence(quiet, ticks=12, negligible=0.005)) == [True]


def test_a_share_above_negligible_is_not_cleared_by_it():
    assert clear(evidence((3, 100, 9, 900), ticks=60, negligible=0.02)) == [False]


def test_gates_of_a_rollout_share_one_alpha():
    found = evidence((3, 100, 9, 900), (1, 100, 9, 900), (3, 100, 9, 900), ticks=12)
    log_worse = readings.log_evidence_worse(found)

    together = readings.log_evidence_of_rollouts(
        log_worse, weight=np.array([0.5, 0.5, 1.0]), rollout=np.array([0, 0, 1]), rollouts=2
    )

    assert np.exp(together[0]) == pytest.approx(np.exp(log_worse[:2]).mean())
    assert together[1] == pytest.approx(log_worse[2])


def test_a_rollout_cannot_bet_more_money_than_it_has():
    with pytest.raises(ValueError, match="more than 1"):
        readings.log_evidence_of_rollouts(
            np.zeros(2), weight=np.array([0.6, 0.6]), rollout=np.array([0, 0]), rollouts=1
        )


@pytest.mark.parametrize(("row", "odds"), [((3, 4, 1, 4), 6.408309), ((10, 12, 3, 18), 21.30532)])
def test_the_estimate_is_the_conditional_maximum_that_r_finds(row, odds):
    """R's fisher.test of the data of its manual: TeaTasting, and Convictions (with its columns exchanged)."""
    assert readings.estimate(evidence(row))[0] == pytest.approx(odds, rel=0.001)


def test_without_anything_that_tells_the_arms_apart_there_is_no_estimate():
    found = evidence((0, 100, 0, 900))

    assert np.isnan(readings.estimate(found)).all()
    assert readings.excess(found) == [0]
    assert np.isnan(readings.excess(evidence((0, 0, 0, 900)))).all()
    assert [bound.tolist() for bound in readings.interval(found, alpha=0.05)] == [[0.0], [np.inf]]
    assert readings.chance_worse(found)[0] == pytest.approx(0.5, abs=0.04)


def test_the_ends_of_the_grid_are_the_ends_of_what_can_be_estimated():
    found = evidence((0, 900, 90, 900), (90, 900, 0, 900))

    assert readings.estimate(found) == pytest.approx([1 / 16, 32])
    assert readings.interval(found, alpha=0.05)[0][0] == 0
    assert readings.interval(found, alpha=0.05)[1][1] == np.inf


def test_the_interval_narrows_around_the_estimate_and_reaches_the_grid_outside_it():
    few, many = (evidence((2, 100, 9, 900), ticks=ticks) for ticks in (5, 200))

    (low, high), (lower, higher) = (readings.interval(found, alpha=0.05) for found in (few, many))

    assert low < lower < readings.estimate(many) < higher < high
    assert all(np.isclose(LOG_GRID, np.log(bound[0])).any() for bound in (low, lower, higher, high))


def test_the_excess_is_in_shares_of_requests():
    found = evidence((10, 100, 45, 900), (100, 100, 45, 900), (10, 100, 0, 900), (0, 100, 45, 900), ticks=50)

    assert readings.excess(found) == pytest.approx([0.05, 0.95, 0.1, -0.05])


def test_what_both_versions_have_in_common_is_no_excess():
    calm, storm = (5, 100, 45, 900), (60, 200, 30, 100)
    found = evidence(calm)
    x, n, y, m = (np.array([count]) for count in storm)
    found = found.after(Tick(at=np.ones(1), candidate=n, candidate_bad=x, stable=m, stable_bad=y))

    assert readings.excess(found)[0] == pytest.approx(0, abs=1e-12)
    assert readings.estimate(found)[0] == pytest.approx(1, abs=0.001)


def test_the_bet_on_harm_is_half_on_what_must_not_be_promoted_and_half_on_all_else():
    odds = np.exp(LOG_GRID)
    better = [nchypergeom_fisher.pmf(7, 1000, 100, 12, psi) for psi in odds[(odds > 1.19) & (odds < 16.1)]]
    expected = (0.5 * nchypergeom_fisher.pmf(7, 1000, 100, 12, 2.5) + 0.5 * np.mean(better)) / (
        nchypergeom_fisher.pmf(7, 1000, 100, 12, odds[34])
    )

    found = evidence((7, 100, 5, 900), tolerance=odds[34], worse_by=2.5)

    assert np.exp(readings.log_evidence_worse(found))[0] == pytest.approx(expected, rel=1e-6)


def test_the_bet_on_safety_is_on_what_is_no_worse_and_at_least_half_as_bad():
    odds = np.exp(LOG_GRID)
    safe = [nchypergeom_fisher.pmf(1, 1000, 100, 12, psi) for psi in odds[(odds > 0.49) & (odds < 1.01)]]
    expected = np.mean(safe) / nchypergeom_fisher.pmf(1, 1000, 100, 12, 2.5)

    found = evidence((1, 100, 11, 900), worse_by=2.5)

    assert np.exp(readings.log_evidence_clear(found))[0] == pytest.approx(expected, rel=1e-6)


def test_the_ends_of_the_interval_are_the_first_that_are_ruled_out():
    found = evidence((3, 100, 9, 900), ticks=40)
    likelihood = found.likelihood[0, : LOG_GRID.size]
    ruled_out = np.exp(likelihood - logsumexp(likelihood)) * LOG_GRID.size <= 0.05

    low, high = readings.interval(found, alpha=0.05)

    within = (np.exp(LOG_GRID) > low[0] * 1.001) & (np.exp(LOG_GRID) < high[0] * 0.999)
    assert (ruled_out == ~within).all()


def test_the_posterior_leans_to_what_was_seen():
    found = evidence((3, 100, 9, 900), (0, 100, 9, 900), ticks=20)

    high, low = readings.chance_worse(found)

    assert high > 0.99
    assert low < 0.01


def one_arm(log_evidence, bad, total, limit, **asked):
    return log_evidence(np.array([bad]), np.array([total]), limit=np.array([limit]), **asked)[0]


def test_at_the_limit_one_request_makes_neither_bet_richer():
    for log_evidence in (log_evidence_below, log_evidence_above):
        good, bad = (np.exp(one_arm(log_evidence, x, 1, 0.1)) for x in (0, 1))
        assert 0.9 * good + 0.1 * bad == pytest.approx(1)
    assert (
        0.8 * np.exp(one_arm(log_evidence_below, 0, 1, 0.1)) + 0.2 * np.exp(one_arm(log_evidence_below, 1, 1, 0.1)) < 1
    )


def test_requests_without_a_failure_show_a_share_below_the_limit():
    needed = next(n for n in range(1, 10_000) if one_arm(log_evidence_below, 0, n, 0.005) >= CLEARED)

    assert 600 < needed < 1000
    assert one_arm(log_evidence_below, 0, needed, 0.005, dispersion=2.0) < CLEARED


def test_five_failures_of_five_requests_are_above_a_limit_of_a_tenth():
    assert one_arm(log_evidence_above, 5, 5, 0.1) > np.log(1000) > one_arm(log_evidence_above, 2, 5, 0.1)
    assert one_arm(log_evidence_above, 100, 1000, 0.1) < 0


def test_a_limit_is_a_share():
    for limit in (0.0, 1.0):
        with pytest.raises(ValueError, match="limit"):
            one_arm(log_evidence_below, 0, 1, limit)


def pods(seed, *, burst):
    """A hundred ticks of three pods with unequal loads, whose failures come `burst` at a time."""
    generator = np.random.default_rng(seed)
    total = np.tile([200, 400, 800], (100, 1))
    return generator.poisson(total * 0.01 / burst) * burst, total


def test_independent_failures_are_not_dispersed_and_bursts_are():
    alone, four = (np.mean([dispersion(*pods(seed, burst=burst)) for seed in range(20)]) for burst in (1, 4))

    assert 1.0 <= alone < 1.15
    assert four == pytest.approx(4, rel=0.15)


def test_failures_that_are_spread_more_evenly_than_by_chance_are_taken_for_independent():
    assert dispersion(np.tile([2, 4, 8], (100, 1)), np.tile([200, 400, 800], (100, 1))) == 1.0


def test_too_little_history_is_taken_for_bursts():
    bad, total = pods(0, burst=1)

    assert dispersion(bad[:29], total[:29]) == 2.0
    assert dispersion(bad[:, :1], total[:, :1]) == 2.0
    assert dispersion(bad * 0, total) == 2.0
    assert dispersion(bad[:0], total[:0]) == 2.0


def test_history_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match="expected"):
        dispersion(np.array([[3]]), np.array([[2]]))
