"""Evidence is a bet at fair odds: what it promises, tick by tick, over any ticks."""

import base64
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import nchypergeom_fisher

from sluice_operator.analysis import readings
from sluice_operator.analysis.eprocess import TOLERANCE, Comparisons, Evidence
from sluice_operator.analysis.odds import LOG_GRID, Tick
from sluice_operator.analysis.record import read, written


def asked(*, tolerance=1.0, worse_by=2.0, dispersion=1.0, negligible=0.0, starts=1, rows=1):
    return Comparisons(
        tolerance=np.full(rows, tolerance),
        worse_by=np.full(rows, worse_by),
        dispersion=np.full(rows, dispersion),
        negligible=np.full(rows, negligible),
        starts=np.full(rows, starts, dtype=np.int64),
    )


def tick(*rows, at=1.0):
    """Rows as (candidate bad, candidate, stable bad, stable)."""
    x, n, y, m = (np.array(column, dtype=np.int64) for column in zip(*rows, strict=True))
    return Tick(at=np.full(len(rows), at), candidate=n, candidate_bad=x, stable=m, stable_bad=y)


def begun(**settings_):
    evidence = Evidence.none(asked(**settings_))
    return evidence.begin(range(len(evidence.through)))


def after(evidence, ticks):
    for at, row in enumerate(ticks, start=1):
        evidence = evidence.after(tick(row, at=at))
    return evidence


def expected(evidence, log_wealth, *, candidate, stable, bad, odds):
    """Mean of the wealth after a tick, over all ways in which its bad requests may divide."""
    low, high = max(0, bad - stable), min(bad, candidate)
    division = nchypergeom_fisher(candidate + stable, candidate, bad, odds)
    return sum(
        division.pmf(x) * np.exp(log_wealth(evidence.after(tick((x, candidate, bad - x, stable), at=9e9)))[0])
        for x in range(low, high + 1)
    )


TICKS = st.tuples(st.integers(1, 40), st.integers(1, 90)).flatmap(
    lambda arms: st.tuples(st.integers(0, arms[0]), st.just(arms[0]), st.integers(0, arms[1]), st.just(arms[1]))
)
WORSE, CLEAR = readings.log_evidence_worse, readings.log_evidence_clear


@settings(max_examples=15, deadline=None)
@given(history=st.lists(TICKS, max_size=3), bad=st.integers(1, 8), tolerance=st.sampled_from([1.0, 1.2, 1.9]))
def test_at_the_tolerance_no_tick_makes_the_bet_richer_on_average(history, bad, tolerance):
    evidence = after(begun(tolerance=tolerance, starts=2), history)

    mean = expected(evidence, WORSE, candidate=30, stable=200, bad=bad, odds=tolerance)

    assert mean == pytest.approx(np.exp(WORSE(evidence)[0]), rel=1e-7)


@settings(max_examples=15, deadline=None)
@given(
    history=st.lists(TICKS, max_size=3),
    odds=st.floats(0.1, 1.2),
    dispersion=st.sampled_from([1.0, 2.0, 5.0]),
)
def test_below_the_tolerance_the_bet_loses_on_average(history, odds, dispersion):
    evidence = after(begun(tolerance=1.2, dispersion=dispersion), history)

    mean = expected(evidence, WORSE, candidate=30, stable=200, bad=6, odds=odds)

    assert mean <= np.exp(WORSE(evidence)[0]) * (1 + 1e-7)


@settings(max_examples=15, deadline=None)
@given(history=st.lists(TICKS, max_size=3), worse_by=st.sampled_from([1.5, 2.0, 7.0]), more=st.floats(1.0, 4.0))
def test_a_version_that_is_worse_does_not_become_clear_on_average(history, worse_by, more):
    evidence = after(begun(worse_by=worse_by), history)

    mean = expected(evidence, CLEAR, candidate=30, stable=200, bad=6, odds=worse_by * more)

    assert mean <= np.exp(CLEAR(evidence)[0]) * (1 + 1e-7)


@settings(max_examples=25, deadline=None)
@given(history=st.lists(TICKS, min_size=1, max_size=3), bad=st.integers(1, 20))
def test_each_bad_request_of_the_candidate_instead_of_stable_says_more(history, bad):
    evidence = after(begun(), history)
    split = [evidence.after(tick((x, 30, bad - x, 100), at=99.0)) for x in range(bad + 1)]

    assert (np.diff([WORSE(e)[0] for e in split]) > -1e-9).all()
    assert (np.diff([CLEAR(e)[0] for e in split]) < 1e-9).all()
    assert (np.diff([readings.estimate(e)[0] for e in split if np.isfinite(readings.estimate(e)[0])]) >= -1e-9).all()


@settings(max_examples=25, deadline=None)
@given(history=st.lists(TICKS, min_size=2, max_size=5), data=st.data())
def test_the_order_of_ticks_within_a_step_does_not_matter(history, data):
    other = data.draw(st.permutations(history))

    assert after(begun(), history).likelihood == pytest.approx(after(begun(), other).likelihood, abs=1e-9)
    assert WORSE(after(begun(), history)) == pytest.approx(WORSE(after(begun(), other)), abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(history=st.lists(TICKS, max_size=3), gap=st.sampled_from([(0, 0, 3, 50), (2, 9, 0, 0), (0, 0, 0, 0)]))
def test_a_missing_tick_says_nothing(history, gap):
    evidence = after(begun(), history)

    assert (evidence.after(tick(gap, at=99.0)).likelihood == evidence.likelihood).all()
    assert (evidence.after(tick(gap, at=99.0)).wealth == evidence.wealth).all()


def test_a_tick_is_counted_once():
    once = after(begun(), [(3, 10, 1, 90), (1, 10, 1, 90)])

    again = once.after(tick((1, 10, 1, 90), at=2.0)).after(tick((3, 10, 1, 90), at=1.0))

    assert (again.likelihood == once.likelihood).all()
    assert (again.counts == once.counts).all()
    assert once.counts.tolist() == [[20, 4, 180, 2]]


@settings(max_examples=25, deadline=None)
@given(before=st.lists(TICKS, max_size=3), within=st.lists(TICKS, max_size=3))
def test_who_reads_what_was_written_at_the_step_and_replays_it_comes_to_the_same(before, within):
    step = after(begun(starts=3, tolerance=1.2, negligible=0.01), before).begin([0])
    later = [tick(row, at=100.0 + at) for at, row in enumerate(within)]

    replayed = read(json.loads(json.dumps(written(step))))
    for one in later:
        step, replayed = step.after(one), replayed.after(one)

    assert (replayed.likelihood == step.likelihood).all()
    assert (replayed.wealth == step.wealth).all()
    assert (replayed.counts == step.counts).all()
    assert (replayed.excess == step.excess).all()
    assert replayed.through == step.through
    assert written(replayed) == written(step)


def test_evidence_is_as_large_after_many_ticks_as_before():
    size = len(json.dumps(written(begun(starts=5))))

    many = json.dumps(written(after(begun(starts=5), [(1, 100, 2, 900)] * 50)))

    assert len(many) <= size + 40
    assert size < 1200


@pytest.mark.parametrize(
    "wrong",
    [
        {"likelihood": "AAAA"},
        {"likelihood": "not base64!"},
        {"wealth": None},
        {"counts": [1, 2, 3, 1]},
        {"counts": [1]},
        {"started": 9},
        {"worseBy": 0.5},
        {"tolerance": "NaN"},
        {"through": "soon"},
        {"excess": [2.0, 1.0]},
        {"excess": [1.0]},
        {"likelihood": base64.b64encode(np.full(75, -np.inf, dtype="<f4").tobytes()).decode()},
        {"counts": [10**18, 1, 10**18, 1]},
    ],
)
def test_what_is_not_evidence_is_refused(wrong):
    value = written(begun())[0]

    with pytest.raises(ValueError, match=r".+"):
        read([value | wrong])
    with pytest.raises(ValueError, match="not evidence"):
        read([{key: value[key] for key in value if key not in wrong}])


def test_a_failure_that_sets_in_late_is_found_sooner_where_steps_begin_anew():
    good, broken = [(1, 100, 9, 900)] * 40, [(5, 100, 9, 900)] * 6
    alone = after(begun(), good + broken)
    stepwise = after(begun(starts=2), good).begin([0])
    for at, row in enumerate(broken, start=41):
        stepwise = stepwise.after(tick(row, at=at))

    assert WORSE(stepwise)[0] > np.log(20) > WORSE(alone)[0]


def test_more_starts_than_announced_bring_no_more_money():
    evidence = begun(starts=2).begin([0])

    for _ in range(3):
        evidence = evidence.begin([0])

    assert WORSE(evidence)[0] == pytest.approx(0, abs=1e-6)


def test_money_not_yet_bet_is_kept():
    lost = after(begun(starts=4), [(0, 100, 50, 900)] * 20)

    assert WORSE(lost)[0] == pytest.approx(np.log(3 / 4), abs=1e-3)


def test_rows_are_taken_and_joined():
    both = Evidence.join([begun(tolerance=1.2), begun(worse_by=3.0)])
    both = both.after(tick((3, 10, 1, 90), (0, 10, 4, 90)))

    second = after(begun(worse_by=3.0), [(0, 10, 4, 90)])

    assert both.take([1]).likelihood == pytest.approx(second.likelihood)
    assert both.take([1]).comparisons.worse_by.tolist() == [3.0]
    with pytest.raises(ValueError, match="expected 2 rows"):
        both.after(tick((0, 1, 0, 1)))


def test_a_part_is_put_back_where_it_was_taken_from():
    every = Evidence.join([begun(), begun(worse_by=3.0), begun(tolerance=1.2)])
    ticks = ((3, 10, 1, 90), (2, 10, 1, 90))

    apart = every.put([2, 0], every.take([2, 0]).after(tick(*ticks)))
    together = every.after(tick(ticks[1], (0, 0, 0, 0), ticks[0]))

    assert (apart.likelihood == together.likelihood).all()
    assert (apart.wealth == together.wealth).all()
    assert (apart.counts == together.counts).all()
    assert apart.through.tolist() == [1.0, -np.inf, 1.0]


def test_evidence_settled_is_what_is_written_of_it():
    evidence = after(begun(starts=2), [(3, 100, 1, 900)] * 5).passed(np.array([70.0]))

    settled = evidence.settled([0])

    assert written(settled) == written(evidence)
    assert (read(written(evidence)).likelihood == settled.likelihood).all()
    assert (read(written(evidence)).wealth == settled.wealth).all()
    assert settled.through.tolist() == [70.0]
    assert settled.passed(np.array([60.0])).through.tolist() == [70.0], "time does not go back"


@pytest.mark.parametrize(
    "wrong",
    [
        {"tolerance": 0.9},
        {"worse_by": 1.0},
        {"worse_by": 17.0},
        {"dispersion": 0.5},
        {"dispersion": np.inf},
        {"negligible": 1.0},
        {"negligible": np.nan},
        {"starts": 0},
    ],
)
def test_comparisons_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match="expected"):
        asked(**wrong)


def test_the_own_odds_ratios_stand_behind_the_grid():
    evidence = after(begun(tolerance=float(np.exp(LOG_GRID[34])), worse_by=2.0), [(4, 50, 5, 300)])

    assert evidence.likelihood[0, TOLERANCE] == pytest.approx(evidence.likelihood[0, 34])
    assert evidence.likelihood[0, TOLERANCE + 1] == pytest.approx(evidence.likelihood[0, 40])


RUNS = 400
MOST_FALSE = 0.05 + 3 * np.sqrt(0.05 * 0.95 / RUNS)


def share_taken_back(weights, rates, *, factor=1.0, total=1000, burst=1, dispersion=1.0, chosen=None):
    """Share of seeded runs in which the candidate is found worse at any tick; a new start at each change of weight."""
    generator = np.random.default_rng(7)
    starts = 1 + int(np.count_nonzero(np.diff(weights)))
    evidence = Evidence.none(asked(rows=RUNS, dispersion=dispersion, starts=starts)).begin(range(RUNS))
    weight, worst = np.full(RUNS, weights[0]), np.full(RUNS, -np.inf)
    for at, (planned, rate) in enumerate(zip(weights, rates, strict=True)):
        if at and planned != weights[at - 1]:
            evidence = evidence.begin(range(RUNS))
        weight = np.full(RUNS, planned) if chosen is None else chosen(evidence)
        candidate = np.rint(weight * total).astype(np.int64)
        stable = total - candidate
        bad = [
            np.minimum(generator.poisson(n * p / burst) * burst, n) if burst > 1 else generator.binomial(n, p)
            for n, p in ((candidate, rate * factor), (stable, np.full(RUNS, rate)))
        ]
        evidence = evidence.after(Tick(np.full(RUNS, float(at)), candidate, bad[0], stable, bad[1]))
        worst = np.maximum(worst, WORSE(evidence))
    return float((worst >= np.log(20)).mean())


GROWING = np.repeat([0.05, 0.10, 0.25, 0.50], 12)
MOVING = np.where(np.arange(48) < 24, 0.005, 0.02)


def test_a_good_version_is_seldom_taken_back_while_weights_grow_and_the_base_rate_moves():
    assert share_taken_back(GROWING, MOVING) <= MOST_FALSE


def test_nor_where_the_weight_is_chosen_by_what_was_seen():
    def bold(evidence):
        return np.where(WORSE(evidence) > 0, 0.5, 0.05)

    assert share_taken_back(np.full(48, 0.05), MOVING, chosen=bold) <= MOST_FALSE


def test_nor_where_failures_come_in_bursts_whose_dispersion_is_known():
    bursts = {"weights": np.full(48, 0.1), "rates": np.full(48, 0.01), "burst": 4}

    assert share_taken_back(**bursts) > MOST_FALSE
    assert share_taken_back(**bursts, dispersion=4.0) <= MOST_FALSE


def test_a_version_that_fails_twice_as_often_is_taken_back():
    assert share_taken_back(GROWING, MOVING, factor=2.0) > 0.9


def test_the_interval_holds_the_true_odds_ratio_at_every_tick_of_nearly_every_run():
    generator, missed = np.random.default_rng(3), np.zeros(RUNS, dtype=bool)
    evidence = Evidence.none(asked(rows=RUNS)).begin(range(RUNS))
    candidate, stable = np.full(RUNS, 200), np.full(RUNS, 800)
    twice = 2 * 0.02 / (1 + 0.02)
    for at in range(40):
        bad = generator.binomial(candidate, twice), generator.binomial(stable, 0.02)
        evidence = evidence.after(Tick(np.full(RUNS, float(at)), candidate, bad[0], stable, bad[1]))
        low, high = readings.interval(evidence, alpha=0.05)
        missed |= (low > 2) | (high < 2)

    assert missed.mean() <= MOST_FALSE
    assert np.median(high / low) < 3
