"""Quality of predictions from labelled feedback: what everybody reports, as bad of total.

Each measure is a share of bad outcomes among some, so versions are compared by it as by errors (`eprocess`). F1, too:
with J = TP / (TP + FP + FN) it is 2J / (1 + J), which grows with J, so a version has a worse F1 exactly where its share
of misses and false alarms among TP + FP + FN is greater. Source: Hand, Christen & Kirielle 2021, "F*: an interpretable
transformation of the F-measure", Machine Learning 110.

Labels come late, and some sooner than others: count the predictions of the same span of time for both versions, when
both have had the same time to be labelled.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from .classics import Counts
from .intervals import wilson
from .odds import IntArray


class Measure(StrEnum):
    """What of the predictions is asked."""

    ACCURACY = "accuracy"
    """Right among all."""
    SENSITIVITY = "sensitivity"
    """Found among those there were; also called recall."""
    SPECIFICITY = "specificity"
    """Left alone among those there were not."""
    POSITIVE_PREDICTIVE_VALUE = "positive-predictive-value"
    """Right among those said to be; also called precision."""
    NEGATIVE_PREDICTIVE_VALUE = "negative-predictive-value"
    """Right among those said not to be."""
    F1 = "f1"
    """Harmonic mean of sensitivity and positive predictive value."""


@dataclass(frozen=True, slots=True)
class Confusion:
    """Labelled predictions of a yes-or-no question.

    Raises:
        ValueError: A count is negative.
    """

    true_positive: int
    false_positive: int
    false_negative: int
    true_negative: int

    def __post_init__(self) -> None:
        if min(self.true_positive, self.false_positive, self.false_negative, self.true_negative) < 0:
            raise ValueError("counts cannot be negative")

    @classmethod
    def of_class(cls, matrix: IntArray, index: int) -> "Confusion":
        """One class against all others.

        Args:
            matrix: Predictions, shape (classes, classes): a row per label, a column per prediction.
            index: The class.

        Raises:
            ValueError: The matrix is not square.
            IndexError: There is no such class.
        """
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
            raise ValueError("expected a row and a column for each class")
        hit = int(matrix[index, index])
        said, was = int(matrix[:, index].sum()), int(matrix[index].sum())
        return cls(hit, said - hit, was - hit, int(matrix.sum()) - said - was + hit)

    def counts(self, measure: Measure) -> tuple[int, int]:
        """Bad outcomes, and all among which they are counted: what a comparison takes."""
        tp, fp, fn, tn = self.true_positive, self.false_positive, self.false_negative, self.true_negative
        match measure:
            case Measure.ACCURACY:
                return fp + fn, tp + fp + fn + tn
            case Measure.SENSITIVITY:
                return fn, tp + fn
            case Measure.SPECIFICITY:
                return fp, tn + fp
            case Measure.POSITIVE_PREDICTIVE_VALUE:
                return fp, tp + fp
            case Measure.NEGATIVE_PREDICTIVE_VALUE:
                return fn, tn + fn
            case Measure.F1:
                return fp + fn, tp + fp + fn


@dataclass(frozen=True, slots=True)
class Measured:
    """A measure with its confidence interval, for one look."""

    value: float
    low: float
    high: float


def measured(confusion: Confusion, measure: Measure, *, confidence: float = 0.95) -> Measured | None:
    """A measure with Wilson's interval; None where there is nothing to measure. Not for stopping.

    F1's interval is that of J, transformed: J's total is itself counted, so it holds given that total.
    """
    bad, total = confusion.counts(measure)
    if total == 0:
        return None
    found = wilson(Counts(bad=total - bad, total=total), confidence=confidence)
    ends = np.array([1 - bad / total, found.low, found.high])
    value, low, high = 2 * ends / (1 + ends) if measure is Measure.F1 else ends
    return Measured(value=float(value), low=float(low), high=float(high))
