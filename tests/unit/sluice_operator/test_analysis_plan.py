"""A plan says what the engine will do, and when the plan cannot work."""

from dataclasses import replace

import numpy as np
import pytest

from sluice_operator.analysis.false_fire import Looks, Threshold, chance_to_fire, least_caught
from sluice_operator.analysis.plan import Limited, plan
from sluice_operator.analysis.simulation import Compared, Rollout, Step, simulate
from sluice_operator.analysis.sizing import Stage, requests_to_clear, requests_to_roll_back, smallest_harm

STEPS = (Step(weight=0.05, hold=300), Step(weight=0.10, hold=600), Step(weight=0.25, hold=900), Step(0.50, 900))
BUSY = Rollout(steps=STEPS, gates=(Compared(name="errors", bad=0.01),), rate=20.0, max_hold=3600)
QUIET = replace(BUSY, rate=0.2)


@pytest.mark.parametrize(
    ("bad", "odds", "roll_back", "clear"),
    [(0.001, 2, 12_400, 15_400), (0.01, 1.5, 4_400, 4_800), (0.01, 2, 1_240, 1_540), (0.05, 5, 25, 46)],
)
def test_sizes_are_those_of_the_published_table(bad, odds, roll_back, clear):
    stage = Stage(weight=0.1, bad=bad)

    assert requests_to_roll_back(stage, odds=odds, alpha=0.05) == pytest.approx(roll_back, rel=0.02)
    assert requests_to_clear(stage, odds=odds, beta=0.05) == pytest.approx(clear, rel=0.02)


def test_bursts_need_as_many_more_requests():
    even, bursts = (Stage(weight=0.1, bad=0.01, dispersion=dispersion) for dispersion in (1.0, 3.0))

    assert requests_to_clear(bursts, odds=2, beta=0.05) == pytest.approx(3 * requests_to_clear(even, odds=2, beta=0.05))


def test_the_smallest_harm_is_what_the_requests_suffice_for():
    stage = Stage(weight=0.1, bad=0.01)
    enough = requests_to_roll_back(stage, odds=2.0, alpha=0.05)

    assert smallest_harm([(stage, enough / 3), (stage, enough * 2 / 3)], alpha=0.05) == pytest.approx(2.0)
    assert smallest_harm([(stage, 5)], alpha=0.05) is None


def test_the_engine_needs_about_as_many_requests_as_the_closed_form_says():
    one_step = Rollout(
        steps=(Step(weight=0.1, hold=40),), gates=(Compared(name="errors", bad=0.01),), rate=20.0, max_hold=800
    )

    found = simulate(one_step, odds=[3.0], runs=300, seed=1)

    assert found.rolled_back.mean() > 0.9
    assert found.requests.mean() == pytest.approx(
        requests_to_roll_back(Stage(weight=0.1, bad=0.01), odds=3.0, alpha=0.05), rel=0.25
    )


def test_with_enough_traffic_good_versions_pass_and_bad_ones_do_not():
    found = plan(BUSY, runs=200)

    assert found.promoted > 0.9
    assert found.rolled_back <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 200)
    assert found.gates[0].rolled_back > 0.95
    assert 0 < found.gates[0].failed_requests < 100
    assert [step.requests for step in found.steps] == [300, 1200, 4500, 9000]
    assert [step.minutes for step in found.steps] == [pytest.approx(step.hold / 60) for step in STEPS]
    harms = [step.smallest_harm["errors"] for step in found.steps]
    assert harms == sorted(harms, reverse=True)
    assert 1 < harms[-1] < 2 < harms[0]
    assert found.warnings == ()


def test_the_same_question_has_the_same_answer():
    assert plan(QUIET, runs=50) == plan(QUIET, runs=50)


def test_with_too_little_traffic_the_plan_warns():
    found = plan(QUIET, runs=100)

    assert found.promoted < 0.5
    assert found.steps[0].smallest_harm == {"errors": None}
    assert [warning.split(":")[0] for warning in found.warnings] == [
        "Only 1 requests come within a span of 5 s, and 63% of what requests could tell is lost",
        f"A version as good as stable is promoted with a probability of only {found.promoted:.0%}",
        "Step 1 is too short to catch anything by gate errors",
        f"A version worse by 2 at gate errors is taken back with a probability of only "
        f"{found.gates[0].rolled_back:.0%} before maxHold",
    ]


def test_where_nothing_fails_only_negligible_lets_a_version_through():
    silent, able = (
        replace(BUSY, gates=(Compared(name="errors", bad=0.0, negligible=negligible),)) for negligible in (0.0, 0.005)
    )

    assert plan(silent, runs=20).promoted == 0
    assert "without `negligible` nothing is ever cleared" in plan(silent, runs=20).warnings[0]
    assert plan(able, runs=20).promoted == 1


def test_a_rollout_that_ends_with_little_traffic_promotes_no_more_bad_versions_than_it_may():
    tenth = replace(BUSY, steps=(Step(weight=0.1, hold=300),))

    found = plan(tenth, runs=400)

    assert found.gates[0].promoted <= tenth.beta + 3 * np.sqrt(0.05 * 0.95 / 400)


def test_the_last_step_before_probation_rules_out_what_must_not_be_promoted():
    """Nearly all requests come behind it: it takes as long as the same step where all do, and no shorter."""
    ends_small = replace(BUSY, steps=(*STEPS[:2], Step(weight=0.95, hold=60)))

    held_back = simulate(replace(ends_small, held_back=True), odds=[1.0], runs=200, seed=5)
    goes_on = simulate(ends_small, odds=[1.0], runs=200, seed=5)

    assert np.nanmean(held_back.passed_after[:, 1]) > 1.2 * np.nanmean(goes_on.passed_after[:, 1])


def test_what_spans_lose_makes_steps_longer():
    """At 2 requests a second ten come within 5 s, one of them to the candidate every other time."""
    quiet = replace(BUSY, rate=2.0)

    short, fits = (
        simulate(replace(quiet, span=span), odds=[1.0], runs=200, seed=3).passed_after for span in (5.0, 20.0)
    )

    assert np.nanmean(short[:, 0]) > 1.1 * np.nanmean(fits[:, 0])
    assert replace(quiet, span=20.0).telling[0, 0] > 1.2 * replace(quiet, span=5.0).telling[0, 0]


def test_each_gate_loses_what_it_must_rule_out_asks_for():
    both = replace(
        BUSY, rate=2.0, gates=(Compared(name="errors", bad=0.01), Compared(name="slow", bad=0.05, worse_by=3.0))
    )

    assert both.factors.tolist() == [[10, 10], [5, 5], [3, 3], [2, 3]]
    assert (np.diff(both.telling, axis=0) > 0).all(), "the more the candidate gets, and the less must be ruled out"


def test_spans_that_are_too_short_for_the_traffic_are_warned_about():
    slow = replace(BUSY, rate=0.5)

    short, long = plan(slow, runs=50), plan(replace(slow, span=40.0), runs=50)

    assert "make interval longer, up to about 40 s" in short.warnings[0]
    assert not any("interval" in warning for warning in long.warnings)
    assert long.steps[0].smallest_harm["errors"] is None or (
        long.steps[-1].smallest_harm["errors"] < short.steps[-1].smallest_harm["errors"]
    )


def test_each_gate_is_asked_what_it_lets_through():
    both = replace(BUSY, gates=(Compared(name="errors", bad=0.01), Compared(name="slow", bad=0.05, worse_by=3.0)))

    errors, slow = plan(both, runs=100).gates

    assert (errors.name, slow.name, slow.worse_by) == ("errors", "slow", 3.0)
    assert errors.rolled_back > 0.9
    assert slow.rolled_back > 0.9


def test_bursts_that_the_engine_knows_of_do_not_take_good_versions_back():
    bursts = replace(BUSY, gates=(Compared(name="errors", bad=0.01, dispersion=4.0),))

    assert simulate(bursts, odds=[1.0], runs=300, seed=1).rolled_back.mean() <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 300)


def limit(**asked):
    return Threshold(**({"above": 0.1, "window": 60.0, "checks": 1, "min_requests": 1} | asked))


def fires(threshold, *, rate, bad=0.01, interval=60.0, runs=2000):
    """Within an hour of all the traffic that a version can get."""
    looks = Looks(steps=[Step(weight=0.5, hold=3600)], rate=2 * rate, interval=interval)
    return chance_to_fire(threshold, looks, bad=bad, runs=runs, seed=1)


def test_a_limit_without_enough_requests_takes_a_good_version_back():
    assert fires(limit(), rate=5 / 60) == pytest.approx(1 - np.exp(-5 * 0.01) ** 60, abs=0.03)
    assert fires(limit(min_requests=50), rate=5 / 60) == 0


def test_what_is_at_the_limit_is_not_above_it():
    assert fires(limit(above=0.0), rate=1.0, bad=0.0) == 0


def test_looking_more_often_fires_more_often():
    seldom, often = (fires(limit(min_requests=10), rate=20 / 60, interval=interval) for interval in (60.0, 5.0))

    assert often > seldom + 0.05


def test_more_checks_fire_less_often():
    once, three = (fires(limit(min_requests=10, checks=checks), rate=20 / 60, interval=5.0) for checks in (1, 3))

    assert three < once


def test_a_bad_version_is_caught_by_the_limit():
    assert fires(limit(checks=3, min_requests=50), rate=2.0, bad=0.3, interval=5.0, runs=100) == 1


def catches(threshold, *, rate=20.0):
    """The least share of bad requests that is caught while 5 % of so many requests come for five minutes."""
    looks = Looks(steps=[Step(weight=0.05, hold=300)], rate=rate, interval=5.0)
    return least_caught(threshold, looks, seed=1)


def test_what_a_limit_catches_is_a_little_more_than_its_threshold():
    assert 0.1 < catches(limit(checks=3, min_requests=50)) < 0.15
    assert catches(limit(checks=3, min_requests=50, above=0.5)) > 0.5
    assert catches(limit(checks=12, min_requests=50)) > catches(limit(checks=1, min_requests=50))


def test_a_limit_that_never_has_enough_requests_catches_nothing():
    assert catches(limit(min_requests=50), rate=1.0) is None


def test_where_nothing_is_compared_steps_take_their_holds_and_the_limits_are_told_of():
    alone = replace(BUSY, gates=())
    far = Limited(name="far", threshold=limit(above=0.2, checks=3, min_requests=50), bad=0.01)

    found = plan(alone, limits=(far,), runs=100)

    assert [(step.minutes, step.passed) for step in found.steps] == [(step.hold / 60, 1) for step in STEPS]
    assert (found.promoted, found.rolled_back, found.gates, found.warnings) == (1, 0, (), ())
    assert found.false_fires == {"far": 0}
    assert 0.2 < found.caught["far"] < 0.3
    with pytest.raises(ValueError, match="at least one gate"):
        simulate(alone, odds=[], runs=1, seed=1)


def test_a_limit_that_misfires_or_never_judges_is_warned_about():
    jumpy = Limited(name="jumpy", threshold=limit(), bad=0.01)
    deaf = Limited(name="deaf", threshold=limit(min_requests=10_000), bad=0.01)

    found = plan(QUIET, limits=(jumpy, deaf), runs=50)

    assert found.false_fires["jumpy"] > 0.5
    assert found.false_fires["deaf"] == 0
    assert any("limit of gate jumpy takes a version as good as stable back" in warning for warning in found.warnings)
    assert any("limit of gate deaf never judges" in warning for warning in found.warnings)


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": ()},
        {"rate": 0.0},
        {"alpha": 0.0},
        {"beta": 1.0},
        {"max_hold": 60},
        {"span": 0.0},
        {"steps": (Step(weight=1.0, hold=60),)},
        {"gates": (Compared(name="errors", bad=1.0),)},
    ],
)
def test_a_rollout_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match="expected"):
        replace(BUSY, **wrong)


@pytest.mark.parametrize("wrong", [{"above": 1.0}, {"window": 0.0}, {"checks": 0}, {"min_requests": 0}])
def test_a_limit_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match="expected"):
        limit(**wrong)
