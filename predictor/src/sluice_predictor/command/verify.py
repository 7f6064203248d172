"""`verify`: prove that a directory is exactly the version that its manifest describes."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from sluice_predictor.arguments import digest
from sluice_predictor.artifact import open_artifact
from sluice_predictor.command.progress import reading

if TYPE_CHECKING:
    from argparse import _SubParsersAction

_EXAMPLES = """\
exit status:
  0  the directory is the version
  1  it is not, and standard error names the first file that is wrong
  2  the command line is wrong

examples:
  sluice-predictor verify models/1.0.0
  sluice-predictor verify models/1.0.0 --digest sha256:7a786f5166a75ab5719b8191ee2a9ce78300e63e16faa614ba0a1cb26fa7162f
"""


def add(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command's arguments."""
    parser = commands.add_parser(
        "verify",
        help="check every byte of a version, as the server does before it loads it",
        description="Check that a directory holds exactly the files that its sluice.json lists, byte by byte.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("directory", metavar="DIR", type=Path, help="directory of the version")
    parser.add_argument("--digest", type=digest, help="digest that the version must have, sha256:<64 hex digits>")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Verify, and print the digest.

    Raises:
        ArtifactError: the directory is not the version.
    """
    with reading(args.directory) as advance:
        artifact = open_artifact(args.directory, args.digest, advance=advance)
    manifest = artifact.manifest
    count = len(manifest.files)
    print(f"{manifest.model} {manifest.version}: {count} {'file' if count == 1 else 'files'}, {artifact.digest}")
