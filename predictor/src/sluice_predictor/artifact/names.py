"""The names that a version's files may have: plain, portable, of formats that are data and nothing else.

A name means the same file on every file system that a version may pass through, so it has no characters beyond
letters, digits and `_ - .`, starts with none that hides it, and no other name differs from it in case alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from sluice_predictor.artifact.errors import ArtifactError

MANIFEST_NAME = "sluice.json"
MAX_DEPTH = 8

_SUFFIXES = frozenset({".json", ".safetensors", ".txt", ".md"})
"""A pickle or a source file could run code as it is loaded."""

_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")


def check_names(names: Iterable[str]) -> None:
    """Refuse names that a version's files must not have.

    Raises:
        ArtifactError: the message names the first of them.
    """
    seen: dict[str, str] = {}
    for name in sorted(names):
        check_name(name)
        other = seen.setdefault(name.lower(), name)
        if other != name:
            raise ArtifactError(f"{name}: differs from {other} in case alone; some file systems have only one of them")


def check_name(name: str) -> None:
    """Refuse a name that a version's file must not have.

    Raises:
        ArtifactError: the message says why.
    """
    parts = name.split("/")
    if not all(_PART.fullmatch(part) for part in parts):
        raise ArtifactError(
            f"{name!a}: a file's name must be a plain path inside the version's directory, "
            "of letters, digits and _ - . only"
        )
    if len(parts) > MAX_DEPTH:
        raise ArtifactError(f"{name}: more than {MAX_DEPTH} directories deep")
    if name == MANIFEST_NAME:
        raise ArtifactError(f"{name}: cannot list itself")
    if PurePosixPath(name).suffix not in _SUFFIXES:
        allowed = ", ".join(sorted(_SUFFIXES))
        raise ArtifactError(f"{name}: only {allowed} files make a version; others could run code when loaded")


def shown(name: str) -> str:
    """Return a name that storage gave, for a message: as it is if it is plain, else escaped."""
    return name if all(_PART.fullmatch(part) for part in name.split("/")) else ascii(name)
