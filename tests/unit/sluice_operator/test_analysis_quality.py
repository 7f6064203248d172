"""Quality from labelled feedback, as counts that can be compared."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluice_operator.analysis.quality import Confusion, Measure, measured

SCREENED = Confusion(true_positive=45, false_positive=5, false_negative=15, true_negative=135)


@pytest.mark.parametrize(
    ("measure", "value", "counts"),
    [
        (Measure.ACCURACY, 180 / 200, (20, 200)),
        (Measure.SENSITIVITY, 45 / 60, (15, 60)),
        (Measure.SPECIFICITY, 135 / 140, (5, 140)),
        (Measure.POSITIVE_PREDICTIVE_VALUE, 45 / 50, (5, 50)),
        (Measure.NEGATIVE_PREDICTIVE_VALUE, 135 / 150, (15, 150)),
        (Measure.F1, 2 * 0.9 * 0.75 / (0.9 + 0.75), (20, 65)),
    ],
)
def test_measures_are_those_of_the_textbook(measure, value, counts):
    found = measured(SCREENED, measure)

    assert SCREENED.counts(measure) == counts
    assert found.value == pytest.approx(value)
    assert 0 < found.low < found.value < found.high < 1


def test_the_interval_is_wilsons():
    """81 of 263, Newcombe 1998, Table I."""
    found = measured(Confusion(81, 0, 182, 0), Measure.SENSITIVITY)

    assert (found.low, found.high) == pytest.approx((0.2553, 0.3662), abs=1e-4)


def test_without_labels_there_is_nothing_to_measure():
    nobody = Confusion(0, 0, 0, 0)

    assert [measured(nobody, measure) for measure in Measure] == [None] * len(Measure)
    assert measured(Confusion(0, 0, 0, 9), Measure.SENSITIVITY) is None


def test_each_class_is_asked_against_all_others():
    labels_by_predictions = np.array([[50, 3, 2], [4, 60, 1], [0, 5, 75]])

    found = Confusion.of_class(labels_by_predictions, 1)

    assert found == Confusion(true_positive=60, false_positive=8, false_negative=5, true_negative=127)


def confusions():
    count = st.integers(0, 60)
    return st.builds(Confusion, count, count, count, count)


@settings(max_examples=60, deadline=None)
@given(one=confusions(), other=confusions())
def test_a_worse_f1_is_a_greater_share_of_misses_and_false_alarms(one, other):
    f1 = [measured(each, Measure.F1) for each in (one, other)]
    bad = [each.counts(Measure.F1) for each in (one, other)]
    if None in f1:
        assert 0 in (bad[0][1], bad[1][1])
        return

    assert (f1[0].value < f1[1].value - 1e-12) == (bad[0][0] / bad[0][1] > bad[1][0] / bad[1][1] + 1e-12)


def test_counts_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="negative"):
        Confusion(-1, 0, 0, 0)
    with pytest.raises(ValueError, match="each class"):
        Confusion.of_class(np.array([[1, 2]]), 0)
