"""`diff`: what sets two versions apart."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sluice_predictor.artifact import Difference, compare, read_artifact
from sluice_predictor.artifact.difference import Accuracy, Change

if TYPE_CHECKING:
    from argparse import _SubParsersAction

_WIDEST = 60

_EXAMPLES = """\
The exit status is 0 whether or not they differ; -o json has "same".

examples:
  sluice-predictor diff models/1.0.0 models/1.1.0
  sluice-predictor diff models/1.0.0 models/1.1.0 -o json | jq .signature
"""


def add(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command's arguments."""
    parser = commands.add_parser(
        "diff",
        help="compare two versions: what clients see, files, evaluations, the rest",
        description="Compare the manifests of two versions. Files are compared by the hashes that are listed.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("before", metavar="A", type=Path, help="directory of a version")
    parser.add_argument("after", metavar="B", type=Path, help="directory of another")
    parser.add_argument("-o", "--output", choices=["text", "json"], default="text", help="default: %(default)s")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Print what is not the same.

    Raises:
        ArtifactError: one of the directories has no valid manifest.
    """
    before, after = read_artifact(args.before), read_artifact(args.after)
    difference = compare(before.manifest, after.manifest)
    same = before.digest == after.digest
    if args.output == "json":
        print(json.dumps({"same": same, "digests": [before.digest, after.digest], **asdict(difference)}, indent=2))
        return
    print(f"- {before.manifest.model} {before.manifest.version} {before.digest}")
    print(f"+ {after.manifest.model} {after.manifest.version} {after.digest}")
    print("\n".join(["the same version"] if same else _lines(difference)))


def _lines(difference: Difference) -> Iterator[str]:
    yield "signature" if difference.signature else "signature: the same"
    yield from map(_change, difference.signature)
    yield "files" if difference.files else "files: the same"
    yield from map(_file, difference.files)
    if difference.evaluations:
        yield "evaluations (accuracy)"
    yield from map(_accuracy, difference.evaluations)
    if difference.other:
        yield "other"
    yield from map(_change, difference.other)


def _change(change: Change) -> str:
    return f"  {change.place}: {_brief(change.before)} -> {_brief(change.after)}"


def _file(change: Change) -> str:
    if change.before is None:
        return f"  + {change.place} ({change.after['size']:,} bytes)"
    if change.after is None:
        return f"  - {change.place} ({change.before['size']:,} bytes)"
    return f"  ~ {change.place} ({change.before['size']:,} -> {change.after['size']:,} bytes)"


def _accuracy(accuracy: Accuracy) -> str:
    values = " -> ".join("unknown" if value is None else f"{value:.2%}" for value in (accuracy.before, accuracy.after))
    change = ""
    if accuracy.before is not None and accuracy.after is not None:
        change = f" ({100 * (accuracy.after - accuracy.before):+.2f} points)"
    return f"  {accuracy.evaluation}, {accuracy.slice}: {values}{change}"


def _brief(value: Any) -> str:
    if value is None:
        return "none"
    text = json.dumps(value)
    return text if len(text) <= _WIDEST else text[: _WIDEST - 3] + "..."
