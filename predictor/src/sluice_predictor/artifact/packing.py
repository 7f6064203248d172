"""Pack a version: measure the files of a directory and write the manifest that names them.

The manifest appears in one rename. What is written has passed through the parser that `open_artifact` uses.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sluice_predictor.artifact.errors import ArtifactError
from sluice_predictor.artifact.manifest import MAX_FILES, parse_manifest
from sluice_predictor.artifact.names import MANIFEST_NAME, check_names
from sluice_predictor.artifact.opening import Artifact
from sluice_predictor.artifact.tree import DRAFT_NAME, Advance, list_files, measure, open_file, open_root


def pack(
    directory: Path,
    *,
    model: str,
    version: str,
    task: str,
    labels: Sequence[str],
    metadata: Mapping[str, Any] | None = None,
) -> Artifact:
    """Describe a directory and write what it is; see `describe`.

    Raises:
        ArtifactError: the directory holds something that a version must not hold, or a value is not valid.
    """
    artifact = describe(directory, model=model, version=version, task=task, labels=labels, metadata=metadata)
    write(artifact)
    return artifact


def describe(
    directory: Path,
    *,
    model: str,
    version: str,
    task: str,
    labels: Sequence[str],
    metadata: Mapping[str, Any] | None = None,
    advance: Advance | None = None,
) -> Artifact:
    """Measure the files of a directory; nothing is written yet.

    Args:
        directory: holds the files of the version.
        model: the model's name.
        version: the version's name within the model.
        task: what the model does, as `load_task` knows it.
        labels: every label that the version can answer, in the order of its outputs.
        metadata: the optional keys of the manifest, as JSON.
        advance: told of the bytes read.

    Raises:
        ArtifactError: the directory holds something that a version must not hold, or a value is not valid.
    """
    directory = directory.absolute()
    document = {
        "formatVersion": 1,
        "model": model,
        "version": version,
        "task": task,
        "labels": list(labels),
        "files": _measured(directory, advance=advance),
        **(metadata or {}),
    }
    return _parsed(directory, document)


def extend(artifact: Artifact, metadata: Mapping[str, Any]) -> Artifact:
    """Return the version with further keys in its manifest, or others; nothing is written.

    Raises:
        ArtifactError: a value is not valid.
    """
    return _parsed(artifact.directory, {**artifact.manifest.document(), **metadata})


def write(artifact: Artifact) -> None:
    """Write `sluice.json`, replacing an older one in one step.

    Raises:
        ArtifactError: the directory cannot be written.
    """
    draft = artifact.directory / DRAFT_NAME
    try:
        # What an earlier, killed run left. Whoever packs the same directory now finds the draft gone, and stops.
        draft.unlink(missing_ok=True)
        try:
            with draft.open("xb") as file:
                file.write(_written(artifact.manifest.document()))
                file.flush()
                os.fsync(file.fileno())
            draft.replace(artifact.directory / MANIFEST_NAME)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise ArtifactError(f"{error.filename or draft}: {error.strerror}") from error


def _measured(directory: Path, *, advance: Advance | None) -> dict[str, dict[str, Any]]:
    files = {}
    with open_root(directory) as root:
        names = list_files(root)
        if len(names) > MAX_FILES:
            raise ArtifactError(f"{directory}: holds {len(names)} files; a version has {MAX_FILES} at most")
        check_names(names)
        for name in names:
            with open_file(root, name) as descriptor:
                entry = measure(descriptor, name=name, advance=advance)
            if entry.size == 0:
                raise ArtifactError(f"{name}: is empty; some storage would leave it out")
            files[name] = entry.model_dump()
    return files


def _parsed(directory: Path, document: Mapping[str, Any]) -> Artifact:
    manifest, digest = parse_manifest(_written(document))
    return Artifact(directory=directory, manifest=manifest, digest=digest)


def _written(document: Mapping[str, Any]) -> bytes:
    try:
        return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()
    except (TypeError, ValueError) as error:
        raise ArtifactError(f"{MANIFEST_NAME}: not valid JSON: {error}") from error
