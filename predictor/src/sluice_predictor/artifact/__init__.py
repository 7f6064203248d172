"""A model version on disk: what it consists of, and the proof that nothing else is there."""

from sluice_predictor.artifact.difference import Difference, compare
from sluice_predictor.artifact.errors import ArtifactError
from sluice_predictor.artifact.manifest import Calibration, Defaults, Example, FileEntry, Manifest
from sluice_predictor.artifact.names import MANIFEST_NAME
from sluice_predictor.artifact.opening import Artifact, open_artifact, read_artifact
from sluice_predictor.artifact.packing import describe, extend, pack, write
from sluice_predictor.artifact.record import Histogram, Reference

__all__ = [
    "MANIFEST_NAME",
    "Artifact",
    "ArtifactError",
    "Calibration",
    "Defaults",
    "Difference",
    "Example",
    "FileEntry",
    "Histogram",
    "Manifest",
    "Reference",
    "compare",
    "describe",
    "extend",
    "open_artifact",
    "pack",
    "read_artifact",
    "write",
]
