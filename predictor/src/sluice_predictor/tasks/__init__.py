"""What a model version answers: one module per task, each with its model, its input and its answer."""

from __future__ import annotations

from sluice_predictor.artifact import Artifact, ArtifactError
from sluice_predictor.tasks.base import Answer, Entity, Prediction, Task

__all__ = ["Answer", "Entity", "Prediction", "Task", "load_task"]


def load_task(artifact: Artifact) -> Task:
    """Load the verified version for the task that its manifest names.

    Raises:
        ArtifactError: the task is unknown, or a file's content is not what the task needs; the message names it.
    """
    if artifact.manifest.task != "text-entities":
        raise ArtifactError(f"sluice.json: this server has no task {artifact.manifest.task!r}")
    # Imported here because torch takes seconds to import, and who only needs the types need not wait.
    from sluice_predictor.tasks.serving import load

    return load(artifact)
