"""A prediction reproduces an example: same structure, texts and integers; every other number within the tolerance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_predictor.artifact import Calibration, Example
from sluice_predictor.tasks.base import Answer, Description, InputProblem, Item, Parameters
from sluice_predictor.tasks.calibration import Reproduction, ask, compare

TOLERANCE = 0.02

plain = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | st.floats(-1.0, 1.0) | st.text(max_size=5),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=3), values, max_size=3),
    max_leaves=10,
)
predictions = st.dictionaries(st.text(min_size=1, max_size=3), plain, min_size=1, max_size=3)


def against(expected: Mapping[str, Any], actual: Mapping[str, Any] | InputProblem) -> Reproduction:
    """Compare with a calibration whose first example is reproduced and whose second is this one."""
    examples = [Example(instance="a", prediction={"score": 0.5}), Example(instance="b", prediction=dict(expected))]
    return compare(Calibration(tolerance=TOLERANCE, examples=examples), enumerate([{"score": 0.5}, actual]))


ENTITIES = {"label": "debit", "score": 0.9, "entities": [{"type": "date", "start": 3, "end": 7, "score": 0.8}]}


def moved(value: Any, by: float) -> Any:
    if isinstance(value, float):
        return value + by
    if isinstance(value, dict):
        return {key: moved(item, by) for key, item in value.items()}
    return [moved(item, by) for item in value] if isinstance(value, list) else value


@given(prediction=predictions)
def test_a_prediction_reproduces_itself(prediction: dict[str, Any]) -> None:
    assert against(prediction, prediction) == Reproduction(difference=0.0, problem=None)


@given(prediction=predictions, by=st.floats(-0.0199, 0.0199))
def test_numbers_may_move_within_the_tolerance(prediction: dict[str, Any], by: float) -> None:
    assert against(prediction, moved(prediction, by)).problem is None


def test_the_largest_difference_of_all_numbers_is_told() -> None:
    actual = moved(ENTITIES, 0.005) | {"score": 0.91}

    assert against(ENTITIES, actual).difference == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"score": 0.52}, "score: 0.52, expected 0.9 (tolerance 0.02)"),
        ({"score": float("nan")}, "score: nan, expected 0.9 (tolerance 0.02)"),
        ({"label": "credit"}, "label: 'credit', expected 'debit'"),
        ({"label": None}, "label: None, expected 'debit'"),
        ({"entities": []}, "entities: a list of 0, expected a list of 1"),
        (
            {"entities": [{"type": "date"}]},
            "entities.0: an object of 'type', expected an object of 'end', 'score'",
        ),
        (
            {"entities": [{"type": "date", "start": 4, "end": 7, "score": 0.8}]},
            "entities.0.start: 4, expected 3",
        ),
    ],
)
def test_the_first_place_that_differs_is_named(change: dict[str, Any], problem: str) -> None:
    found = against(ENTITIES, ENTITIES | change).problem

    assert found is not None
    assert found.startswith(f"examples.1: {problem}")


def test_an_output_more_or_less_is_a_difference() -> None:
    assert against({"score": 0.5}, {"score": 0.5, "label": "a"}).problem is not None
    assert against({"score": 0.5, "label": "a"}, {"score": 0.5}).problem is not None


def test_a_truth_value_is_not_a_number() -> None:
    assert against({"found": True}, {"found": 1}).problem == "examples.1: found: 1, expected True"
    assert against({"found": 1.0}, {"found": True}).problem == "examples.1: found: True, expected 1.0"


def test_a_number_that_json_wrote_without_a_fraction_is_the_same_number() -> None:
    assert against({"score": 1}, {"score": 0.99}).problem is None


def test_a_text_that_is_refused_is_not_reproduced() -> None:
    found = against({"score": 0.5}, InputProblem("the text has 600 tokens"))

    assert found.problem == "examples.1: the text is refused: the text has 600 tokens"


def test_long_and_unprintable_texts_are_cut_and_escaped() -> None:
    problem = against({"text": "a\n" + "b" * 1000}, {"text": "\x1b[2J"}).problem

    assert problem is not None
    assert problem.isprintable()
    assert len(problem) < 200


@dataclass(frozen=True, slots=True)
class WrongAlone:
    """A version whose kernels for many texts are right, and for one text wrong from some example on."""

    description = Description(engine="torch", precision="int8", outputs=[], parameters=Parameters())
    wrong: str

    def warm_up(self) -> None:
        raise AssertionError("the engine does that")

    def answer(self, items: Sequence[Item]) -> list[Answer | InputProblem]:
        wrong = len(items) == 1 and items[0].text == self.wrong
        return [Answer(prediction={"score": 0.7 if wrong else 0.5}, tokens=1) for _ in items]


@pytest.mark.parametrize("number", [0, 16, 32])
def test_texts_are_asked_in_batches_and_some_of_them_alone(number: int) -> None:
    examples = [Example(instance=f"text {n}", prediction={"score": 0.5}) for n in range(40)]
    calibration = Calibration(tolerance=TOLERANCE, examples=examples)

    assert ask(WrongAlone("none of them"), calibration) == Reproduction(difference=0.0, problem=None)
    assert ask(WrongAlone(f"text {number}"), calibration).problem == (
        f"examples.{number}: score: 0.7, expected 0.5 (tolerance 0.02)"
    )
