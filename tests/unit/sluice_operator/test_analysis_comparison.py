"""What the gates of a rollout answer together."""

from dataclasses import replace

import numpy as np
import pytest

from sluice_operator.analysis.comparison import Answer, Rollouts, answers
from sluice_operator.analysis.eprocess import Comparisons, Evidence
from sluice_operator.analysis.odds import Tick

WORSE, GOOD, SILENT = (3, 100, 9, 900), (1, 100, 9, 900), (0, 100, 0, 900)


def evidence(*rows, ticks, tolerance=1.0):
    """Rows as (candidate bad, candidate, stable bad, stable), the same at every tick."""
    count = len(rows)
    found = Evidence.none(
        Comparisons(
            tolerance=np.full(count, tolerance),
            worse_by=np.full(count, 2.0),
            dispersion=np.ones(count),
            negligible=np.zeros(count),
            starts=np.ones(count, dtype=np.int64),
        )
    ).begin(range(count))
    x, n, y, m = (np.array(column, dtype=np.int64) for column in zip(*rows, strict=True))
    for at in range(ticks):
        found = found.after(Tick(at=np.full(count, float(at)), candidate=n, candidate_bad=x, stable=m, stable_bad=y))
    return found


def gates_of(*rollout, alpha=0.05):
    """Rows by the rollout that each belongs to, all gates of one alike."""
    rows = np.array(rollout)
    rollouts = rows.max() + 1
    return Rollouts(
        rollout=rows,
        weight=1 / np.bincount(rows)[rows],
        factor=np.full(rows.size, 2.0),
        alpha=np.full(rollouts, alpha),
        beta=np.full(rollouts, 0.05),
    )


def answered(*rows, rollouts, ticks):
    return [found.answer for found in answers(evidence(*rows, ticks=ticks), rollouts)]


def test_each_rollout_is_answered_by_itself():
    assert answered(WORSE, GOOD, SILENT, rollouts=gates_of(0, 1, 2), ticks=25) == [
        Answer.WORSE,
        Answer.CLEAR,
        Answer.UNKNOWN,
    ]


def test_the_gate_that_shows_the_harm_is_named_and_the_others_answer_for_themselves():
    assert answered(GOOD, WORSE, SILENT, rollouts=gates_of(0, 0, 0), ticks=30) == [
        Answer.CLEAR,
        Answer.WORSE,
        Answer.UNKNOWN,
    ]


def ticks_until_worse(*rows, rollouts):
    return next(n for n in range(1, 40) if Answer.WORSE in answered(*rows, rollouts=rollouts, ticks=n))


def test_two_gates_that_show_the_same_harm_show_it_sooner_than_one_of_two():
    one = ticks_until_worse(WORSE, GOOD, rollouts=gates_of(0, 0))
    both = ticks_until_worse(WORSE, WORSE, rollouts=gates_of(0, 0))

    assert both < one
    assert both == ticks_until_worse(WORSE, rollouts=gates_of(0))


def test_a_smaller_alpha_needs_more():
    lenient, strict = (ticks_until_worse(WORSE, rollouts=gates_of(0, alpha=alpha)) for alpha in (0.05, 0.0001))

    assert lenient < strict


def test_harm_that_is_proven_but_small_stops_nothing_and_is_told():
    slightly = (115, 10_000, 900, 90_000)

    few, many = (answers(evidence(slightly, ticks=ticks), gates_of(0))[0] for ticks in (2, 40))

    assert (few.answer, few.slightly_worse) == (Answer.CLEAR, False)
    assert (many.answer, many.slightly_worse) == (Answer.CLEAR, True)
    assert many.odds == pytest.approx(1.15, abs=0.01)
    assert many.low >= 1
    assert few.odds == pytest.approx(many.odds)
    rollouts = replace(gates_of(0), least_odds=1.1)
    worse = answers(evidence(slightly, ticks=40), rollouts)[0]
    assert (worse.answer, worse.slightly_worse) == (Answer.WORSE, False)


def test_many_times_next_to_nothing_is_little():
    found = answers(evidence((4, 10_000, 9, 90_000), ticks=40), gates_of(0))[0]

    assert found.odds == pytest.approx(4, abs=0.1)
    assert found.excess == pytest.approx(0.0003)
    assert (found.answer, found.slightly_worse) == (Answer.UNKNOWN, True)


@pytest.mark.parametrize("row", [(5, 100, 0, 900), (100, 100, 9, 900), (100, 100, 0, 900)])
def test_harm_that_lies_beyond_the_grid_is_worse(row):
    found = answers(evidence(row, ticks=10), gates_of(0))[0]

    assert (found.answer, found.odds) == (Answer.WORSE, pytest.approx(32))


def test_people_read_counts_an_estimate_and_its_interval():
    found = answers(evidence(WORSE, ticks=10), gates_of(0))[0]

    assert (found.requests, found.bad, found.stable_requests, found.stable_bad) == (1000, 30, 9000, 90)
    assert 1 < found.low < found.odds < found.high
    assert found.odds == pytest.approx(3.06, abs=0.02)
    assert found.excess == pytest.approx(0.02, abs=0.001)
    assert found.chance_worse > 0.99


def test_before_anything_happened_nothing_is_known():
    found = answers(evidence(SILENT, ticks=1), gates_of(0))[0]

    assert (found.answer, found.odds, found.excess) == (Answer.UNKNOWN, None, 0.0)
    assert (found.low, found.high) == (0, np.inf)


def test_money_and_chances_are_bounded():
    with pytest.raises(ValueError, match="more than 1"):
        answers(evidence(GOOD, GOOD, ticks=1), replace(gates_of(0, 0), weight=np.array([0.6, 0.6])))
    with pytest.raises(ValueError, match="alpha"):
        gates_of(0, alpha=0.0)
