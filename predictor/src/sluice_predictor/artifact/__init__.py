"""A model version on disk: what it consists of, and the proof that nothing else is there."""

from sluice_predictor.artifact.manifest import (
    Artifact,
    ArtifactError,
    FileEntry,
    Manifest,
    open_artifact,
    pack,
)

__all__ = ["Artifact", "ArtifactError", "FileEntry", "Manifest", "open_artifact", "pack"]
