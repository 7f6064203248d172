"""What is printed, and for whom: people at a terminal, people behind a pipe, programs.

Everything that came from the cluster is somebody else's: `clean` it before it reaches a terminal. Colours and live
pictures are for terminals alone; NO_COLOR and TERM=dumb are heeded. Without a terminal no line is broken.
"""

import json
import os
import sys
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

API = "cli.sluice.dev/v1"
"""Of what is printed as JSON: a field is never renamed or given another meaning under the same version."""
MOMENT = "%Y-%m-%d %H:%M:%S"
"""A moment in tables whose titles say that it is UTC."""
_UNBROKEN = 10_000
_UNITS = (("d", 86_400), ("h", 3600), ("m", 60))


class Output(StrEnum):
    """How an answer is written."""

    TABLE = "table"
    JSON = "json"


def clean(text: object) -> str:
    """Somebody's text as one line without anything that a terminal would obey: no escape, no turned direction."""
    return "".join(map(_shown, str(text)))


def _shown(char: str) -> str:
    if char.isprintable():
        return char
    return " " if char.isspace() else "\N{REPLACEMENT CHARACTER}"


def say(text: str = "") -> None:
    """Print a line of ours, as it is."""
    typer.echo(text)


def tell(text: str) -> None:
    """Print a line for people beside the answer, which programs read: to standard error."""
    typer.echo(text, err=True)


def say_json(kind: str, body: Mapping[str, Any], *, line: bool = False) -> None:
    """Print a document that says what it is; on one line where many follow each other."""
    document = {"apiVersion": API, "kind": kind, **body}
    typer.echo(json.dumps(document, indent=None if line else 2, default=_plain))


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def console(*, stderr: bool = False) -> "Console":
    """What tables and trees are printed on: as wide as the terminal, or, without one, as wide as they are."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else _UNBROKEN
    return Console(file=stream, highlight=False, markup=False, emoji=False, width=width)


def is_live() -> bool:
    """Whether a picture can be drawn anew in place."""
    return sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def can_ask() -> bool:
    """Whether there is somebody to ask: at both ends of the conversation."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def length(seconds: float) -> str:
    """A length of time as people say it, in the greatest unit of which there are two: 90 s, 12 m, 5 h, 3 d."""
    whole = max(0, round(seconds))
    unit, size = next(((unit, size) for unit, size in _UNITS if whole >= 2 * size), ("s", 1))
    return f"{whole // size}{unit}"
