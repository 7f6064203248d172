"""How the benchmark of verdicts draws, judges and tells: few runs, enough to see who is right."""

import dataclasses

import numpy as np
import pytest

from hack.bench.machine import machine
from hack.bench.verdicts import docs, shown, story
from hack.bench.verdicts.figures import BOUNDS, Found, figures
from hack.bench.verdicts.kayenta import kayenta
from hack.bench.verdicts.load import core_share
from hack.bench.verdicts.others import METHODS, argo, flagger
from hack.bench.verdicts.planning import Told, play
from hack.bench.verdicts.plot import draw
from hack.bench.verdicts.product import taken_back
from hack.bench.verdicts.rates import PRODUCT, Rate, cell, found_late, world
from hack.bench.verdicts.traffic import BASE, LOOKS, SCENARIOS, STEPS, Traffic, steady
from sluice_operator.analysis.simulation import Compared, Rollout, Step

RUNS = 200


def traffic(candidate_bad, stable_bad, *, candidate=100, stable=900):
    rows = [np.atleast_2d(np.asarray(bad)) for bad in (candidate_bad, stable_bad)]
    totals = [np.full_like(row, total) for row, total in zip(rows, (candidate, stable), strict=True)]
    return Traffic(totals[0], rows[0], totals[1], rows[1], dispersion=np.ones(len(rows[0])))


def shares(rates):
    return {rate.method: rate.taken_back for rate in rates}


def test_looking_again_at_a_z_test_takes_back_good_versions_and_the_product_does_not():
    found = shares(cell(5000, BASE, runs=RUNS))

    assert found["z, at each of 60 looks"] > 0.2
    assert found[PRODUCT] < 0.1
    assert found.keys() == {PRODUCT, *METHODS}


def test_a_version_twice_as_bad_is_found_by_tests_and_not_by_a_threshold_far_away():
    found = shares(cell(10000, 2 * BASE, runs=RUNS))

    assert found[PRODUCT] > 0.95
    assert found["errors > 10 % once"] == 0


def test_a_cell_is_the_same_each_time():
    assert cell(1000, BASE, runs=20) == cell(1000, BASE, runs=20)


def test_until_it_is_taken_back_counts_requests_to_the_candidate():
    every_look_bad = traffic(np.full(LOOKS, 20), np.full(LOOKS, 9))

    assert argo(every_look_bad)[0].argmax() == 0
    assert flagger(every_look_bad)[0].argmax() == 4


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_in_every_world_the_product_takes_few_good_versions_back(scenario):
    assert shares(world(scenario, runs=100))[PRODUCT] <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 100)


def test_totals_take_good_versions_back_where_weights_grow_while_the_base_rate_moves():
    found = shares(world(SCENARIOS[0], runs=50))

    assert found["z, one look at the end"] > 0.9
    assert found["mSPRT"] > 0.9


def test_bursts_are_measured_before_the_rollout():
    four = next(scenario for scenario in SCENARIOS if scenario.name == "bursts of 4")

    assert np.median(four.draw(np.random.default_rng(1), 20).dispersion) == pytest.approx(4.75, abs=1)


def test_steps_that_begin_anew_find_what_breaks_late_sooner():
    once, anew = found_late((0,), runs=RUNS), found_late(STEPS, runs=RUNS)

    assert anew.minutes < once.minutes
    assert (once.steps, anew.steps) == (1, 4)


def test_the_product_takes_no_version_back_where_nothing_fails():
    assert not taken_back(traffic(np.zeros(LOOKS, dtype=int), np.zeros(LOOKS, dtype=int))).any()


def test_kayentas_judge_sees_a_shift_of_every_minute_and_none_where_there_is_none():
    minutes = np.arange(LOOKS) % 5
    higher = kayenta(traffic(minutes + 30, 9 * minutes))

    assert higher[0, 9::5].all()
    assert not higher[0, np.arange(LOOKS) % 5 != 4].any()
    assert not kayenta(traffic(minutes, 9 * minutes)).any()
    assert not kayenta(traffic(np.zeros(LOOKS, dtype=int), np.zeros(LOOKS, dtype=int))).any()


def test_the_runs_of_a_cell_are_the_researchs():
    """The first counts of its first cell, from NumPy's generator with the same seed and in the same order."""
    generator = np.random.default_rng(1007)
    candidate, stable = generator.binomial(17, 0.01, (5, LOOKS)), generator.binomial(153, 0.01, (5, LOOKS))

    drawn = steady(np.random.default_rng(1007), 5, requests=1000, bad=0.01)

    assert (drawn.candidate_bad == candidate).all()
    assert (drawn.stable_bad == stable).all()


def test_a_played_rollout_promotes_good_versions_and_takes_bad_ones_back():
    rollout = Rollout(
        steps=(Step(0.25, 60), Step(0.5, 60)), gates=(Compared("errors", bad=0.05),), rate=50.0, max_hold=1200
    )

    good, bad = play(rollout, odds=1.0, runs=50), play(rollout, odds=3.0, runs=50)

    assert good.promoted > 0.8
    assert bad.rolled_back > 0.9
    assert good.minutes[0] is not None
    assert good.minutes[0] >= 1


def test_what_the_engine_takes_is_measured():
    assert core_share(rollouts=5, ticks=3) > 0


def rate(**changed):
    plain = Rate("constant", PRODUCT, requests=1000, bad=BASE, runs=2000, taken_back=0.02, mean_requests=1000.0)
    return dataclasses.replace(plain, **changed)


FOUND = Found(
    rates=[
        rate(),
        rate(method="mSPRT", taken_back=0.5),
        rate(bad=0.02, taken_back=0.6, mean_requests=700.0),
        rate(method="mSPRT", bad=0.02, taken_back=0.5),
        rate(scenario="bursts of 2", requests=None, mean_requests=None, taken_back=0.04),
        rate(scenario="bursts of 2", method="mSPRT", requests=None, mean_requests=None, taken_back=0.3),
    ],
    late=[],
    told=[Told("minutes", said=4.0, came=5.0), Told("requests", said=100.0, came=80.0)],
)


def test_the_worst_world_is_the_products_and_of_good_versions_alone():
    found = figures(FOUND)

    assert found["false_rollback_worst"] == 0.04
    assert found["false_rollback_worst_excess_se"] == pytest.approx(-2.052, abs=1e-3)
    assert (found["power_2x_1k"], found["plan_error_worst_ratio"]) == (0.6, 1.25)


def test_what_was_not_measured_is_null_and_never_left_out():
    assert set(figures(Found()).values()) == {None}
    assert BOUNDS.keys() <= figures(Found()).keys()


def test_the_page_has_the_product_first_and_says_what_falls_short():
    rows = [dataclasses.asdict(one) for one in FOUND.rates]

    assert shown.table(rows) == [
        ["", "good, 1,000", "2 times, 1,000"],
        [PRODUCT, "2.0 %", "60.0 % (700)"],
        ["mSPRT", "50.0 %", "50.0 % (1,000)"],
    ]
    assert shown.worlds(rows) == [["", PRODUCT, "mSPRT"], ["bursts of 2", "4.0 %", "30.0 %"]]
    assert docs.figure_lines({"engine_core_share_1000": 0.2}) == [["`engine_core_share_1000`", "0.2", "≤ 0.1", "NO"]]


def test_the_page_is_written_from_the_json():
    summary = {
        "runs": 2000,
        "rows": [dataclasses.asdict(one) for one in FOUND.rates],
        "late": [{"steps": 4, "taken_back": 1.0, "minutes": 3.0}],
        "plans": [{"what": "minutes", "said": 4.0, "came": 5.0, "ratio": 1.25}],
        "figures": figures(FOUND),
        "environment": machine(["numpy"]),
    }

    said = "\n".join(docs.parts(summary))

    assert "| Sluice | 2.0 % | 60.0 % (700) |" in said
    assert "3.0 min later where the test for harm begins anew in each of 4 steps" in said
    assert "| minutes | 4 | 5 | 1.25 |" in said


def test_the_same_run_is_the_same_picture(tmp_path):
    for name in ("one", "two"):
        draw(FOUND, tmp_path / f"{name}.svg")
        story.draw(tmp_path / f"{name}-story.svg")

    for kind in ("", "-story"):
        one, two = ((tmp_path / f"{name}{kind}.svg").read_bytes() for name in ("one", "two"))
        assert one == two
        assert b"<text" in one


def test_the_story_ends_where_the_bad_version_is_found_and_the_good_one_is_cleared():
    good, bad = story.course(1.0), story.course(2.0)

    assert bad.worse[-1] >= 20 > bad.clear.max()
    assert good.clear[-1] >= 20 > good.worse.max()
