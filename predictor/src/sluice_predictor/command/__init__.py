"""The commands beside serving: pack, verify, show and compare model versions.

They are for people and for CI: what goes wrong is one line on standard error and status 1, a wrong command line is
status 2, and results alone go to standard output. Nothing that takes long to import is imported before it is needed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from sluice_predictor.arguments import Parser
from sluice_predictor.artifact import ArtifactError
from sluice_predictor.command import diff, info, pack, verify

NAMES = ("pack", "verify", "info", "diff")
_MODULES = (pack, verify, info, diff)


def main(arguments: Sequence[str]) -> int:
    """Run the command that the first argument names and return its exit status.

    Raises:
        SystemExit: the command line is wrong (2), or help was asked for (0).
    """
    args = _parser().parse_args(arguments)
    try:
        args.run(args)
        sys.stdout.flush()
    except ArtifactError as error:
        print(f"sluice-predictor: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # Whoever read has enough, as `head` has; Python would complain when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("sluice-predictor: interrupted", file=sys.stderr)
        return 130
    return 0


def _parser() -> Parser:
    parser = Parser(
        prog="sluice-predictor",
        description="Pack, verify, show and compare model versions. Without one of these commands it serves one.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for module in _MODULES:
        module.add(commands)
    return parser
