"""A version's files, read with suspicion: whatever is wrong with one is one line that names it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sluice_predictor.artifact import Artifact, ArtifactError
from sluice_predictor.networks.families import encoder_shape
from sluice_predictor.networks.weights import read_weights
from sluice_predictor.tasks.definition import Files


def read_files(artifact: Artifact) -> Files:
    """Read a verified version's configuration and tensors.

    Raises:
        ArtifactError: one of them is not what it should be.
    """
    config = read_object(artifact, "config.json")
    return Files(artifact=artifact, config=config, weights=read_weights(artifact), shape=encoder_shape(config))


def read_object(artifact: Artifact, name: str) -> Mapping[str, Any]:
    """Read a JSON object.

    Raises:
        ArtifactError: the file is missing or holds anything else.
    """
    if name not in artifact.manifest.files:
        raise ArtifactError(f"{name}: no such file in this version")
    with blaming(name):
        content = json.loads((artifact.directory / name).read_bytes())
    if not isinstance(content, dict):
        raise ArtifactError(f"{name}: should be a JSON object")
    return content


def names_in(config: Mapping[str, Any], key: str, *, where: str = "") -> list[str]:
    """Return a list of distinct names.

    Raises:
        ArtifactError: there is something else.
    """
    names = config.get(key)
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise ArtifactError(f"config.json: {where}{key}: should be a list of names")
    if len(set(names)) != len(names):
        raise ArtifactError(f"config.json: {where}{key}: names something twice")
    return names


def label_names(config: Mapping[str, Any]) -> list[str]:
    """Return the names of `id2label`, in the order of the ids.

    Raises:
        ArtifactError: it is not an object with the keys "0", "1" and so on.
    """
    labels = config.get("id2label")
    if not isinstance(labels, dict) or {str(place) for place in range(len(labels))} != labels.keys():
        raise ArtifactError('config.json: id2label: should be an object with the keys "0", "1" and so on')
    return names_in({"id2label": [labels[str(place)] for place in range(len(labels))]}, "id2label")


def check_labels(files: Files, labels: Sequence[str]) -> None:
    """Check that the configuration's labels are the manifest's.

    Raises:
        ArtifactError: they are not.
    """
    if list(labels) != files.artifact.manifest.labels:
        raise ArtifactError("config.json: its labels are not those of sluice.json, in their order")


@contextmanager
def blaming(name: str) -> Iterator[None]:
    """Turn whatever a parser raises into one line that names the file it read."""
    try:
        yield
    except ArtifactError:
        raise
    except Exception as error:
        summary = " ".join(str(error).split())[:300]
        raise ArtifactError(f"{name}: {summary or type(error).__name__}") from error
