"""What a model version answers: one module per task, each with its heads and its answer."""

from __future__ import annotations

from sluice_predictor.artifact import Artifact
from sluice_predictor.tasks.base import (
    Answer,
    Description,
    InputProblem,
    Item,
    Output,
    Parameters,
    Precision,
    PrecisionSetting,
    Task,
)

__all__ = [
    "Answer",
    "Description",
    "InputProblem",
    "Item",
    "Output",
    "Parameters",
    "Precision",
    "PrecisionSetting",
    "Task",
    "load_task",
]


def load_task(artifact: Artifact, *, precision: PrecisionSetting = "auto", threads: int = 1) -> Task:
    """Load the verified version for the task that its manifest names.

    Args:
        artifact: a version, verified.
        precision: that the network computes with; `auto` is the fastest that reproduces the calibration predictions.
        threads: CPUs that one forward pass may use.

    Raises:
        ArtifactError: the task is unknown, a file's content is not what the task needs, the version cannot run at the
            precision here, or its predictions are not those that it was calibrated with; the message says where.
    """
    # Imported here because torch takes seconds to import, and who only needs the types need not wait.
    from sluice_predictor.tasks.loading import load

    return load(artifact, precision=precision, threads=threads)
