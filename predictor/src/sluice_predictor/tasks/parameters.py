"""How a text is to be answered: what a request leaves open the version says, and what that leaves open the task.

One rule says what is wrong with a parameter, whoever set it. A parameter for which the task has no default does
not exist there; `max_tokens` exists for every task.
"""

from __future__ import annotations

from sluice_predictor.artifact import ArtifactError, Defaults
from sluice_predictor.tasks.base import InputProblem, Parameters

_NOTHING = Parameters()


def complete(parameters: Parameters, defaults: Parameters) -> Parameters:
    """Fill in from the defaults what is left open."""
    if parameters == _NOTHING:
        return defaults
    return Parameters(
        truncation=defaults.truncation if parameters.truncation is None else parameters.truncation,
        max_tokens=defaults.max_tokens if parameters.max_tokens is None else parameters.max_tokens,
        top_k=defaults.top_k if parameters.top_k is None else parameters.top_k,
        threshold=defaults.threshold if parameters.threshold is None else parameters.threshold,
    )


def problem_with(parameters: Parameters, *, defaults: Parameters, max_tokens: int) -> InputProblem | None:
    """Say what is wrong with parameters, None if nothing is.

    Args:
        parameters: that somebody set.
        defaults: of the task; they tell which parameters it has.
        max_tokens: how many tokens of a text the model can be shown.
    """
    if parameters == _NOTHING:
        return None
    if parameters.max_tokens is not None and not 1 <= parameters.max_tokens <= max_tokens:
        return InputProblem(f"max_tokens must be from 1 to {max_tokens}", parameter="max_tokens")
    if parameters.top_k is not None:
        if defaults.top_k is None:
            return InputProblem("this model's task has no top_k", parameter="top_k")
        if parameters.top_k < 1:
            return InputProblem("top_k must be at least 1", parameter="top_k")
    if parameters.threshold is not None:
        if defaults.threshold is None:
            return InputProblem("this model's task has no threshold", parameter="threshold")
        if not 0.0 <= parameters.threshold <= 1.0:
            return InputProblem("threshold must be from 0 to 1", parameter="threshold")
    return None


def version_defaults(version: Defaults, task: Parameters, *, max_tokens: int, special_tokens: int) -> Parameters:
    """Return the defaults that requests to a version are answered by.

    Args:
        version: what its manifest says.
        task: the task's own.
        max_tokens: how many tokens of a text the model can be shown.
        special_tokens: how many of them do not stand for text.

    Raises:
        ArtifactError: the manifest sets a parameter that the task does not have, or to what no request may set it.
    """
    asked = Parameters(
        truncation=version.truncation,
        max_tokens=version.max_tokens,
        top_k=version.top_k,
        threshold=version.threshold,
    )
    problem = problem_with(asked, defaults=task, max_tokens=max_tokens)
    if problem is not None:
        raise ArtifactError(f"sluice.json: parameters.{problem.parameter}: {problem.message}")
    if asked.max_tokens is not None and asked.max_tokens <= special_tokens:
        least = f"max_tokens must be at least {special_tokens + 1}: special tokens take {special_tokens}"
        raise ArtifactError(f"sluice.json: parameters.max_tokens: {least}")
    return complete(asked, task)
