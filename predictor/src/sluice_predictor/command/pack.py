"""`pack`: make a version of a directory by writing its manifest.

With texts to calibrate on, the version is also loaded and asked, so that what is packed is known to work, and the
manifest gets its signature and the predictions that a faster precision must reproduce.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sluice_predictor.artifact import ArtifactError, describe, write
from sluice_predictor.command.progress import reading

if TYPE_CHECKING:
    from argparse import _SubParsersAction

METADATA_KEYS = ("parameters", "signature", "lineage", "reference", "evaluations", "training", "extensions")
_MAX_BYTES = 4 << 20

_EXAMPLES = """\
examples:
  sluice-predictor pack models/1.0.0 --model sms-classifier --version 1.0.0 --task text-classification
  sluice-predictor pack models/1.0.0 --model sms-classifier --version 1.0.0 --task text-entities \\
      --labels debit,credit,other --calibration texts.txt --metadata metadata.json

texts.txt holds one text a line, 256 at most. The expected predictions are computed in fp32; without them the version
is always served in fp32. metadata.json holds an object with any of the keys
parameters, signature, lineage, reference, evaluations, training and extensions.
"""


def add(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command's arguments."""
    parser = commands.add_parser(
        "pack",
        help="make a version of a directory by writing its sluice.json",
        description="Write sluice.json for the files of a directory: config.json, safetensors and tokenizer.json. "
        "Packing the same files with the same arguments gives the same digest.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("directory", metavar="DIR", type=Path, help="directory with the version's files")
    parser.add_argument("--model", required=True, help="name of the model, such as sms-classifier")
    parser.add_argument("--version", required=True, help="name of the version, such as 1.0.0")
    parser.add_argument("--task", required=True, help="what the model does, such as text-classification")
    parser.add_argument(
        "--labels", metavar="A,B,...", help="labels in the order of the outputs; default: those of config.json"
    )
    parser.add_argument("--calibration", metavar="FILE", type=Path, help="texts whose predictions are to be kept")
    parser.add_argument("--metadata", metavar="FILE", type=Path, help="what is known of the version, as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Pack, and print the digest.

    Raises:
        ArtifactError: the directory or one of the files cannot be used.
    """
    metadata = _metadata(args.metadata) if args.metadata else {}
    texts = _texts(args.calibration) if args.calibration else []
    labels = args.labels.split(",") if args.labels is not None else _labels_of_config(args.directory)
    with reading(args.directory) as advance:
        artifact = describe(
            args.directory,
            model=args.model,
            version=args.version,
            task=args.task,
            labels=labels,
            metadata=metadata,
            advance=advance,
        )
    if texts:
        # Imported here because torch takes seconds to import.
        from sluice_predictor.command.calibration import calibrated

        artifact = calibrated(artifact, texts)
    write(artifact)
    print(f"{args.model} {args.version}: {artifact.digest}")


def _metadata(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(_read(path))
    except (ValueError, RecursionError) as error:
        raise ArtifactError(f"{path}: not valid JSON: {error}") from error
    if not isinstance(document, dict):
        raise ArtifactError(f"{path}: should be a JSON object")
    for key in document:
        if key not in METADATA_KEYS:
            raise ArtifactError(f"{path}: {key!a}: unknown key; put what is your own under extensions")
    return document


def _texts(path: Path) -> list[str]:
    try:
        texts = [line.rstrip("\r") for line in _read(path).decode("utf-8").split("\n") if line.strip()]
    except UnicodeDecodeError as error:
        raise ArtifactError(f"{path}: not UTF-8: byte {error.start}") from error
    if not texts:
        raise ArtifactError(f"{path}: holds no text")
    return texts


def _labels_of_config(directory: Path) -> list[str]:
    """Return the labels that a configuration names, as its task orders them; none if it names none."""
    path = directory / "config.json"
    try:
        config = json.loads(_read(path))
        if heads := config.get("heads"):
            return [f"{head}/{label}" for head, labels in heads.items() for label in labels]
        if labels := config.get("labels"):
            return list(labels)
        names: Mapping[str, Any] = config.get("id2label") or {}
        return [names[str(place)] for place in range(len(names))]
    except (ValueError, RecursionError, AttributeError, KeyError, TypeError) as error:
        raise ArtifactError(f"{path}: no labels can be read from it; give them by --labels") from error


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise ArtifactError(f"{path}: {error.strerror}") from error
    if len(content) > _MAX_BYTES:
        raise ArtifactError(f"{path}: larger than {_MAX_BYTES} bytes")
    return content
