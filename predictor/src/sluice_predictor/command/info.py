"""`info`: what a version says of itself."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from sluice_predictor.artifact import Artifact, Manifest, read_artifact

if TYPE_CHECKING:
    from argparse import _SubParsersAction

_EXAMPLES = """\
examples:
  sluice-predictor info models/1.0.0
  sluice-predictor info models/1.0.0 -o json | jq -r .digest
"""


def add(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command's arguments."""
    parser = commands.add_parser(
        "info",
        help="show what a version says of itself",
        description="Show a version's sluice.json. Its files are not looked at: that is what verify is for.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("directory", metavar="DIR", type=Path, help="directory of the version")
    parser.add_argument("-o", "--output", choices=["text", "json"], default="text", help="default: %(default)s")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Print the manifest.

    Raises:
        ArtifactError: there is none, or it is not valid.
    """
    artifact = read_artifact(args.directory)
    if args.output == "json":
        document = artifact.manifest.document()
        print(json.dumps({"digest": artifact.digest, "manifest": document}, indent=2))
        return
    print("\n".join(_lines(artifact)))


def _lines(artifact: Artifact) -> Iterator[str]:
    manifest = artifact.manifest
    yield f"{manifest.model} {manifest.version}"
    yield f"  digest       {artifact.digest}"
    yield f"  task         {manifest.task}"
    yield f"  labels       {', '.join(manifest.labels) or 'none'}"
    for name, value in manifest.parameters.model_dump(exclude_none=True).items():
        yield f"  {name:<12} {json.dumps(value)} unless a request says otherwise"
    if manifest.signature is not None:
        for kind in ("inputs", "outputs"):
            tensors = getattr(manifest.signature, kind)
            yield f"  {kind:<12} " + ", ".join(f"{item.name} {item.datatype}{item.shape}" for item in tensors)
    yield "files"
    for name, entry in sorted(manifest.files.items()):
        yield f"  {entry.sha256[:12]}  {entry.size:>13,}  {name}"
    yield from _record(manifest)


def _record(manifest: Manifest) -> Iterator[str]:
    for section in ("lineage", "training"):
        part = getattr(manifest, section)
        if part is not None:
            yield section
            for name, value in part.model_dump(by_alias=True, exclude_unset=True).items():
                yield f"  {name:<12} {value if isinstance(value, str) else _flat(value)}"
    if manifest.evaluations:
        yield "evaluations"
    for evaluation in manifest.evaluations:
        yield f"  {evaluation.name}, data {evaluation.dataset[:19]}"
        for name, part in evaluation.slices.items():
            accuracy = "" if part.accuracy is None else f"accuracy {part.accuracy:.2%}"
            failed = f", {part.unanswered} unanswered" if part.unanswered else ""
            yield f"    {name:<24} {part.samples:>9,} samples  {accuracy}{failed}".rstrip()
    if manifest.reference is not None:
        yield f"reference      {manifest.reference.samples:,} samples"
    if manifest.calibration is not None:
        examples, tolerance = manifest.calibration.examples, manifest.calibration.tolerance
        yield f"calibration    {len(examples)} examples, tolerance {tolerance:g}"
    if manifest.extensions:
        yield f"extensions     {', '.join(sorted(manifest.extensions))}"


def _flat(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    return json.dumps(value)
