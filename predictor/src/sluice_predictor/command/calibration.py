"""What a version answers in fp32, kept in its manifest: a faster precision must answer the same.

Importing this module is quick; `calibrated` imports torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sluice_predictor.artifact import Artifact, ArtifactError, extend
from sluice_predictor.tasks import Answer, Description, Item, Task, load_task

_PLACES = 6
"""Decimals kept of a number: far finer than the tolerance, and the same on machines that round differently."""


def calibrated(artifact: Artifact, texts: Sequence[str]) -> Artifact:
    """Load the version, ask it for every text, and return it with its signature and calibration; nothing is written.

    Raises:
        ArtifactError: the version cannot be loaded, or has no answer for one of the texts.
    """
    # An older calibration would be held against the version while it is loaded.
    task = load_task(artifact, precision="fp32")
    examples = [{"instance": text, "prediction": _rounded(_answer(task, text).prediction)} for text in texts]
    metadata: dict[str, Any] = {"calibration": {"tolerance": 0.02, "examples": examples}}
    if artifact.manifest.signature is None:
        metadata["signature"] = signature(task.description, artifact.manifest.labels)
    return extend(artifact, metadata)


def signature(description: Description, labels: Sequence[str]) -> dict[str, Any]:
    """Return the manifest's signature of a loaded version."""
    return {
        "inputs": [{"name": "text", "datatype": "BYTES", "shape": [-1]}],
        "outputs": [
            {
                "name": output.name,
                "datatype": output.datatype,
                "shape": [-1] if output.width is None else [-1, output.width],
            }
            for output in description.outputs
        ],
        "labels": {label: place for place, label in enumerate(labels)},
    }


def _answer(task: Task, text: str) -> Answer:
    """Ask for one text alone, so that the text at fault can be named."""
    shown = ascii(text if len(text) <= 60 else text[:57] + "...")
    try:
        (answer,) = task.answer([Item(text)])
    except Exception as error:
        summary = " ".join(str(error).split())[:200]
        raise ArtifactError(f"the version fails on the calibration text {shown}: {summary}") from error
    if not isinstance(answer, Answer):
        raise ArtifactError(f"the version refuses the calibration text {shown}: {answer.message}")
    return answer


def _rounded(value: Any) -> Any:
    match value:
        case float():
            return round(value, _PLACES)
        case Mapping():
            return {key: _rounded(item) for key, item in value.items()}
        case list() | tuple():
            return [_rounded(item) for item in value]
        case _:
            return value
