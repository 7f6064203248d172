"""What is said of predictions that come while they are looked at: rarely wrong, however often, and the same again."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluice_operator.analysis.drift_limit import judge_drift
from sluice_operator.analysis.predictions import BLOCK, Errs, Predictions
from sluice_operator.api.gates import Limit
from sluice_operator.api.status import Verdict

FAIL, PASS, NO_DATA = Verdict.FAIL, Verdict.PASS, Verdict.NO_DATA
ERRS = Errs(alpha=0.05, beta=0.05)
LIMIT = Limit(above=0.25)
HAM = {"ham": 0.87, "spam": 0.13}


def traffic(generator, shares, requests, *, flock=1):
    """Predictions of ten seconds; a flock has one answer."""
    drawn = generator.multinomial(generator.poisson(requests / flock), list(shares.values()))
    return {label: int(count) * flock for label, count in zip(shares, drawn, strict=True)}


def rollout(seed, candidate, stable, *, seconds, rate=20, weight=0.1, flock=1, began=0.0):
    """What is seen after each ten seconds of a step."""
    generator = np.random.default_rng(seed)
    predictions = Predictions(began=began, errs=ERRS)
    for at in range(10, seconds + 1, 10):
        ours = traffic(generator, candidate, 10 * rate * weight, flock=flock)
        predictions.take(began + at, ours, traffic(generator, stable, 10 * rate * (1 - weight), flock=flock))
        yield at, predictions.seen


def verdicts(seed, candidate, stable=HAM, **how):
    return [judge_drift(LIMIT, seen).verdict for _, seen in rollout(seed, candidate, stable, **how)]


def even(classes):
    return {f"class {number}": 1 / classes for number in range(classes)}


@pytest.mark.parametrize(
    ("shares", "how"),
    [
        (HAM, {"weight": 0.05}),
        (even(10), {}),
        (HAM, {"rate": 100, "flock": 16}),
        (even(10), {"rate": 100, "weight": 0.25, "flock": 32}),
    ],
    ids=["two classes", "ten classes", "sixteen in a request", "ten classes, thirty-two in a request"],
)
def test_versions_that_predict_alike_are_rarely_said_to_differ(shares, how):
    """At every look of ten minutes, though the whole alpha were for this; and the limit is not crossed at all."""
    runs = 100
    every = [[seen.said for _, seen in rollout(seed, shares, shares, seconds=600, **how)] for seed in range(runs)]
    apart = [any(said is not None and said.drift.low > 0 for said in run) for run in every]
    crossed = [any(said is not None and said.drift.low > LIMIT.above for said in run) for run in every]

    assert np.mean(apart) <= ERRS.alpha + 3 * np.sqrt(ERRS.alpha * (1 - ERRS.alpha) / runs)
    assert np.mean(crossed) <= 0.01


def test_one_that_predicts_as_stable_does_passes_and_one_that_knows_one_answer_fails():
    for seed in range(20):
        assert PASS in verdicts(seed, HAM, seconds=600)
        assert FAIL in verdicts(seed, {"ham": 0, "spam": 1}, seconds=600)


def test_one_that_moved_by_less_than_is_allowed_is_not_failed_for_it():
    slightly = {"ham": 0.8, "spam": 0.2}  # an index of 0.035
    assert all(FAIL not in verdicts(seed, slightly, seconds=900) for seed in range(20))


def test_a_class_that_stable_never_gave_is_seen():
    *_, (_, seen) = rollout(1, {"ham": 0.5, "new": 0.5}, {"ham": 1.0, "new": 0.0}, seconds=600)

    assert judge_drift(LIMIT, seen).verdict is FAIL
    assert seen.said.most[0] == "new"
    assert seen.said.most[2] == 0


def test_with_one_class_nothing_has_moved():
    assert verdicts(1, {"ham": 1.0}, {"ham": 1.0}, seconds=600)[-1] is PASS


def test_too_few_predictions_say_how_many_are_needed():
    predictions = Predictions(began=0, errs=ERRS)
    predictions.take(10, {"ham": 150, "spam": 30}, {"ham": 900, "spam": 200})

    judged = judge_drift(LIMIT, predictions.seen)
    assert judged.verdict is NO_DATA
    assert not judged.undecided
    assert judged.message == "180 predictions in this step, stable's 1,100: 200 of each needed"


def test_it_is_looked_at_each_time_there_are_twice_as_many():
    said = []
    for _, seen in rollout(3, HAM, HAM, seconds=1800, weight=0.5):
        if seen.said is not None and (not said or said[-1] is not seen.said):
            said.append(seen.said)

    fewest = [min(one.predictions, one.stable) for one in said]
    assert len(said) >= 5
    assert all(later >= 1.5 * before for before, later in pairwise(fewest))


def test_what_breaks_late_is_not_hidden_by_the_hours_before():
    generator = np.random.default_rng(4)
    predictions = Predictions(began=0, errs=ERRS)
    for at in range(10, int(3 * BLOCK), 10):
        candidate = HAM if at <= 2 * BLOCK else {"ham": 0, "spam": 1}
        predictions.take(at, traffic(generator, candidate, 20), traffic(generator, HAM, 180))
        if at == 2 * BLOCK:
            assert judge_drift(LIMIT, predictions.seen).verdict is PASS
    assert judge_drift(LIMIT, predictions.seen).verdict is FAIL


def test_what_was_said_two_hours_ago_is_no_longer_said():
    predictions = Predictions(began=0, errs=ERRS)
    for at in range(10, 400, 10):
        predictions.take(at, {"ham": 20, "spam": 3}, {"ham": 200, "spam": 30})
    assert predictions.seen.said is not None

    predictions.take(BLOCK + 10, {}, {})
    assert predictions.seen.said is not None
    predictions.take(2 * BLOCK + 10, {}, {})
    assert predictions.seen.said is None


def test_the_sentence_has_the_numbers_and_the_class_that_moved_most():
    predictions = Predictions(began=0, errs=ERRS)
    for at in range(10, 310, 10):
        predictions.take(at, {"ham": 4, "sp\x1b[31mam": 16}, {"ham": 87, "sp\x1b[31mam": 13})

    judged = judge_drift(LIMIT, predictions.seen)
    assert judged.verdict is FAIL
    assert judged.message.startswith("predictions moved by 2.2 (")
    assert judged.message.endswith(
        'limit 0.25, in 400 predictions, stable\'s 2,000, most of all "sp?[31mam": 80.0% beside 13.0%'
    )


def test_what_is_neither_above_nor_below_waits_for_the_next_look():
    moved = {"ham": 0.67, "spam": 0.33}  # an index of about 0.23
    *_, (_, seen) = rollout(2, moved, HAM, seconds=300)

    judged = judge_drift(LIMIT, seen)
    assert judged.undecided
    assert judged.message.startswith("cannot tell yet: predictions moved by ")
    assert judged.message.endswith(f"looks again at {seen.looks_at:,}")


def test_who_invents_classes_fills_no_memory():
    predictions = Predictions(began=0, errs=ERRS)
    for at in range(10, 1010, 10):
        predictions.take(at, {"ham": 500, **{f"{at}-{number}": 10 for number in range(100)}}, {"ham": 1000})

    judged = judge_drift(LIMIT, predictions.seen)
    assert judged.verdict is FAIL
    assert '"(others)"' in judged.message


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.dictionaries(st.sampled_from("abc"), st.integers(0, 10**12), max_size=3),
            st.dictionaries(st.sampled_from("abc"), st.integers(0, 10**12), max_size=3),
        ),
        max_size=30,
    )
)
def test_whatever_is_counted_there_is_an_answer(told):
    predictions = Predictions(began=0, errs=ERRS)
    for place, (candidate, stable) in enumerate(told):
        predictions.take(10.0 * place + 10, candidate, stable)
        judged = judge_drift(LIMIT, predictions.seen)
        assert judged.verdict in (PASS, FAIL, NO_DATA)
        if judged.value is not None:
            assert np.isfinite([judged.value, predictions.seen.said.drift.low, predictions.seen.said.drift.high]).all()
