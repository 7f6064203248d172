"""A version's manifest sets what requests leave open, within what the task and the model allow."""

import pytest

from sluice_predictor.artifact import ArtifactError, Defaults
from sluice_predictor.tasks.base import Parameters
from sluice_predictor.tasks.parameters import complete, problem_with, version_defaults

TASK = Parameters(truncation=True, top_k=1)


def defaults(version: Defaults, task: Parameters = TASK) -> Parameters:
    return version_defaults(version, task, max_tokens=512, special_tokens=2)


def test_a_version_that_sets_nothing_has_the_tasks_defaults() -> None:
    assert defaults(Defaults()) == TASK


def test_what_a_version_sets_overrides_the_task_and_leaves_the_rest() -> None:
    assert defaults(Defaults(top_k=3)) == Parameters(truncation=True, top_k=3)
    assert defaults(Defaults(truncation=False, max_tokens=64)) == Parameters(truncation=False, max_tokens=64, top_k=1)


def test_what_a_request_sets_overrides_the_version() -> None:
    version = defaults(Defaults(top_k=3, max_tokens=64))

    assert complete(Parameters(), version) == version
    assert complete(Parameters(top_k=1), version) == Parameters(truncation=True, max_tokens=64, top_k=1)


@pytest.mark.parametrize(
    ("version", "message"),
    [
        (Defaults(threshold=0.5), "threshold: this model's task has no threshold"),
        (Defaults(max_tokens=513), "max_tokens: max_tokens must be from 1 to 512"),
        (Defaults(max_tokens=2), "max_tokens: max_tokens must be at least 3: special tokens take 2"),
    ],
)
def test_a_wrong_default_is_refused_when_the_version_is_loaded(version: Defaults, message: str) -> None:
    with pytest.raises(ArtifactError) as refusal:
        defaults(version)
    assert str(refusal.value) == f"sluice.json: parameters.{message}"


def test_a_task_without_labels_has_no_top_k() -> None:
    with pytest.raises(ArtifactError, match=r"sluice\.json: parameters\.top_k: this model's task has no top_k"):
        defaults(Defaults(top_k=1), Parameters(truncation=True))


@pytest.mark.parametrize(
    ("parameters", "parameter"),
    [
        (Parameters(max_tokens=0), "max_tokens"),
        (Parameters(max_tokens=513), "max_tokens"),
        (Parameters(top_k=0), "top_k"),
        (Parameters(threshold=0.5), "threshold"),
    ],
)
def test_a_requests_parameter_is_named_when_it_is_refused(parameters: Parameters, parameter: str) -> None:
    problem = problem_with(parameters, defaults=TASK, max_tokens=512)

    assert problem is not None
    assert problem.parameter == parameter


def test_a_threshold_is_a_probability() -> None:
    task = Parameters(truncation=True, threshold=0.5)

    assert problem_with(Parameters(threshold=1.0), defaults=task, max_tokens=512) is None
    assert problem_with(Parameters(threshold=1.5), defaults=task, max_tokens=512) is not None
