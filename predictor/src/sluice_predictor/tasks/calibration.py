"""Does a version answer as its manifest says? What a precision must prove before it may answer requests.

A prediction reproduces an example when it has the same structure, the same texts, integers and truth values, and
every other number within the tolerance.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from sluice_predictor.artifact import Calibration
from sluice_predictor.tasks.base import Answer, InputProblem, Item, Task

_BATCH = 16
"""Texts that are answered at once: enough to use the CPU, few enough to need little memory however long they are."""

_SHOWN = 60

Prediction = Mapping[str, Any] | InputProblem


@dataclass(frozen=True, slots=True)
class Reproduction:
    """How near predictions come to a calibration's.

    `difference` is the largest between two numbers that may differ, of all that were compared. `problem` says, in one
    line, where the first example that is not reproduced differs; None if all are.
    """

    difference: float
    problem: str | None


@dataclass(frozen=True, slots=True)
class _Gap:
    """Two numbers or, with `difference` None, two values that cannot be compared as numbers."""

    place: str
    expected: Any
    actual: Any
    difference: float | None


def ask(task: Task, calibration: Calibration) -> Reproduction:
    """Ask a loaded version for all examples, as requests that set no parameters are.

    All are asked in batches, and one of each batch alone, too: a lone text may be answered by other kernels.
    """
    numbers = range(len(calibration.examples))
    return compare(
        calibration,
        chain.from_iterable(
            zip(batch, _predictions(task, calibration, batch), strict=True)
            for start in numbers[::_BATCH]
            for batch in (numbers[start : start + _BATCH], numbers[start : start + 1])
        ),
    )


def _predictions(task: Task, calibration: Calibration, batch: Sequence[int]) -> list[Prediction]:
    answers = task.answer([Item(calibration.examples[number].instance) for number in batch])
    return [answer.prediction if isinstance(answer, Answer) else answer for answer in answers]


def compare(calibration: Calibration, predictions: Iterable[tuple[int, Prediction]]) -> Reproduction:
    """Compare predictions, each with the number of its example, with what the calibration expects."""
    largest, problem = 0.0, None
    for number, prediction in predictions:
        if isinstance(prediction, InputProblem):
            problem = problem or f"examples.{number}: the text is refused: {prediction.message}"
            continue
        for gap in _gaps(calibration.examples[number].prediction, prediction, ""):
            if gap.difference is not None:
                largest = max(largest, gap.difference)
            if problem is None and (gap.difference is None or not gap.difference <= calibration.tolerance):
                problem = f"examples.{number}: {_told(gap, calibration.tolerance)}"
    return Reproduction(difference=largest, problem=problem)


def _gaps(expected: Any, actual: Any, place: str) -> Iterator[_Gap]:
    """Walk through both together, to every pair of numbers and every pair of values that are not alike."""
    if isinstance(expected, Mapping) and isinstance(actual, Mapping) and expected.keys() == actual.keys():
        for key, value in expected.items():
            yield from _gaps(value, actual[key], f"{place}.{key}" if place else key)
    elif _is_list(expected) and _is_list(actual) and len(expected) == len(actual):
        for number, (one, other) in enumerate(zip(expected, actual, strict=True)):
            yield from _gaps(one, other, f"{place}.{number}")
    elif _is_number(expected) and _is_number(actual) and float in (type(expected), type(actual)):
        yield _Gap(place, expected, actual, abs(expected - actual))
    elif type(expected) is not type(actual) or expected != actual:
        yield _Gap(place, expected, actual, None)


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _told(gap: _Gap, tolerance: float) -> str:
    place = f"{gap.place}: " if gap.place else ""
    if gap.difference is not None:
        return f"{place}{gap.actual:.6g}, expected {gap.expected:.6g} (tolerance {tolerance:g})"
    return f"{place}{_shown(gap.actual)}, expected {_shown(gap.expected)}"


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return "an object of " + (", ".join(sorted(map(ascii, value))) or "nothing")[:_SHOWN]
    if _is_list(value):
        return f"a list of {len(value)}"
    text = ascii(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
