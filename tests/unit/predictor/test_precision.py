"""Which precision is chosen, and why a version is refused, told by a version whose answers and speed are given."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from sluice_predictor.artifact import ArtifactError, Calibration, Example
from sluice_predictor.tasks.base import Answer, Description, InputProblem, Item, Parameters, Precision, Task
from sluice_predictor.tasks.precision import PATIENCE, choose

CALIBRATION = Calibration(
    tolerance=0.02, examples=[Example(instance="x" * n, prediction={"score": 0.5}) for n in range(40)]
)


class Clock:
    """Seconds pass only when a batch is answered."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True, slots=True)
class Made:
    """A task that answers `score` to every text and takes `seconds` for a batch, and nothing for one alone."""

    description: Description
    score: float
    seconds: float
    clock: Clock

    def warm_up(self) -> None:
        raise AssertionError("the engine does that")

    def answer(self, items: Sequence[Item]) -> list[Answer | InputProblem]:
        assert all(item.parameters == Parameters() for item in items)
        self.clock.now += self.seconds if len(items) > 1 else 0.0
        return [Answer(prediction={"score": self.score}, tokens=1) for _ in items]


class Version:
    """Answers by precision: the score and the seconds of a batch, or what making it raises."""

    def __init__(self, **made: tuple[float, float] | Exception) -> None:
        self.clock = Clock()
        self.built: list[str] = []
        self._made = made

    def build(self, precision: Precision) -> Task:
        self.built.append(precision)
        made = self._made[precision]
        if isinstance(made, Exception):
            raise made
        description = Description(engine="torch", precision=precision, outputs=[], parameters=Parameters())
        return Made(description, score=made[0], seconds=made[1], clock=self.clock)

    def choose(self, setting="auto", *, faster: Sequence[Precision] = ("int8", "bf16"), calibration=CALIBRATION) -> str:
        task = choose(self.build, setting=setting, faster=faster, calibration=calibration, clock=self.clock)
        return task.description.precision


def test_the_fastest_that_reproduces_the_calibration_is_chosen() -> None:
    assert Version(fp32=(0.5, 0.3), int8=(0.509, 0.1), bf16=(0.5, 0.2)).choose() == "int8"
    assert Version(fp32=(0.5, 0.3), int8=(0.509, 0.2), bf16=(0.5, 0.1)).choose() == "bf16"
    assert Version(fp32=(0.5, 0.1), int8=(0.509, 0.2), bf16=(0.5, 0.3)).choose() == "fp32"


def test_one_that_does_not_reproduce_it_is_never_chosen_however_fast() -> None:
    assert Version(fp32=(0.5, 0.3), int8=(0.53, 0.001), bf16=(0.5, 0.2)).choose() == "bf16"


def test_one_that_reproduces_it_but_barely_is_chosen_only_if_asked_for() -> None:
    barely = Version(fp32=(0.5, 0.3), int8=(0.515, 0.1))

    assert barely.choose(faster=("int8",)) == "fp32"
    assert barely.choose("int8") == "int8"


def test_one_that_cannot_be_made_is_passed_over() -> None:
    assert Version(fp32=(0.5, 0.3), int8=RuntimeError("no such operation"), bf16=(0.5, 0.2)).choose() == "bf16"


def test_float32_that_does_not_reproduce_it_is_refused_with_the_example() -> None:
    with pytest.raises(ArtifactError) as refusal:
        Version(fp32=(0.91, 0.1)).choose()

    assert str(refusal.value) == (
        "sluice.json: calibration.examples.0: score: 0.91, expected 0.5 (tolerance 0.02): "
        "the weights or the libraries are not those that the version was calibrated with"
    )


def test_a_version_without_a_calibration_is_served_in_float32() -> None:
    version = Version(fp32=(0.9, 0.1))

    assert version.choose(calibration=None) == "fp32"
    assert version.built == ["fp32"]


def test_a_version_that_takes_long_in_float32_tries_no_other() -> None:
    version = Version(fp32=(0.5, PATIENCE), int8=(0.5, 0.001))

    assert version.choose(faster=["int8"]) == "fp32"
    assert version.built == ["fp32"]


@pytest.mark.parametrize("setting", ["fp32", "bf16", "int8"])
def test_what_is_asked_for_is_made_and_nothing_else(setting: Precision) -> None:
    version = Version(fp32=(0.5, 0.1), bf16=(0.5, 0.2), int8=(0.5, 0.3))

    assert version.choose(setting) == setting
    assert version.built == [setting]


def test_what_is_asked_for_is_refused_if_it_does_not_reproduce_the_calibration() -> None:
    with pytest.raises(ArtifactError, match=r"examples\.0: score: 0\.6.*--precision=bf16 changes this version's"):
        Version(bf16=(0.6, 0.1)).choose("bf16")


def test_what_is_asked_for_and_cannot_be_made_is_refused() -> None:
    with pytest.raises(ArtifactError, match="--precision=int8: no instructions"):
        Version(int8=ArtifactError("--precision=int8: no instructions")).choose("int8")


def test_one_line_of_the_log_tells_the_choice(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    Version(fp32=(0.5, 0.25), int8=(0.75, 0.1), bf16=(0.509, 0.125)).choose()

    (record,) = caplog.records
    assert record.getMessage() == "bf16 reproduces the 40 predictions of the calibration within 0.02"
    told = vars(record)
    assert told["precision"] == "bf16"
    assert told["candidates"]["fp32"] == {"difference": 0.0, "batch_ms": 250.0}
    assert told["candidates"]["int8"] == {"problem": "examples.0: score: 0.75, expected 0.5 (tolerance 0.02)"}
    assert told["candidates"]["bf16"] == {"difference": 0.009, "batch_ms": 125.0}


def test_timing_ends_even_if_batches_take_long() -> None:
    version = Version(fp32=(0.5, 2.0), int8=(0.5, 1.0))

    assert version.choose(faster=["int8"]) == "int8"
    proof, warm_up, rounds = 3 * (2.0 + 1.0), 2.0 + 1.0, 3 * (2.0 + 1.0)
    assert version.clock.now == proof + warm_up + rounds
