"""Open a version: prove that its directory is exactly what its manifest says, before any parser sees a file.

The order is from cheap to dear: the manifest and its digest, then the names that lie there, then sizes, then every
byte. Nothing but the manifest, which is bounded, is parsed here.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from sluice_predictor.artifact.errors import ArtifactError
from sluice_predictor.artifact.manifest import MAX_FILES, MAX_MANIFEST_BYTES, FileEntry, Manifest, parse_manifest
from sluice_predictor.artifact.names import MANIFEST_NAME
from sluice_predictor.artifact.tree import Advance, list_files, measure, open_file, open_root


@dataclass(frozen=True, slots=True)
class Artifact:
    """A version: every file in `directory` is, or was when it was verified, the one that `manifest` lists."""

    directory: Path
    manifest: Manifest
    digest: str


def read_artifact(directory: Path) -> Artifact:
    """Read what a version says of itself; its files are not looked at.

    Raises:
        ArtifactError: there is no valid manifest.
    """
    with open_root(directory) as root:
        manifest, digest = _read_manifest(root, directory)
    return Artifact(directory=directory, manifest=manifest, digest=digest)


def open_artifact(directory: Path, digest: str | None = None, *, advance: Advance | None = None) -> Artifact:
    """Verify a version's directory byte by byte.

    Args:
        directory: holds `sluice.json` and the files it lists, nothing else but what storage leaves behind.
        digest: if given, the digest that the version must have, as `sha256:` and 64 hex digits.
        advance: told of the bytes read.

    Raises:
        ArtifactError: the directory is not exactly the version; the message names the first wrong file.
    """
    # The path is not resolved: that of a model image leads through another process' root, which has no other name.
    directory = _behind_links(directory.absolute())
    with open_root(directory) as root:
        manifest, actual = _read_manifest(root, directory)
        if digest is not None and digest != actual:
            raise ArtifactError(f"{MANIFEST_NAME}: the version's digest is {actual}, {digest} was asked for")
        present = set(list_files(root, known=manifest.files))
        for name in sorted(manifest.files):
            if name not in present:
                raise ArtifactError(f"{name}: listed in {MANIFEST_NAME} but missing")
        for name, entry in sorted(manifest.files.items()):
            _verify(root, name=name, entry=entry, advance=advance)
    return Artifact(directory=directory, manifest=manifest, digest=actual)


def _read_manifest(root: int, directory: Path) -> tuple[Manifest, str]:
    try:
        with open_file(root, MANIFEST_NAME) as descriptor, os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read(MAX_MANIFEST_BYTES + 1)
    except ArtifactError as error:
        raise ArtifactError(
            f"{directory / MANIFEST_NAME}: no such file; is this the directory of a packed model version?"
        ) from error
    return parse_manifest(content)


def _verify(root: int, *, name: str, entry: FileEntry, advance: Advance | None) -> None:
    with open_file(root, name) as descriptor:
        size = os.fstat(descriptor).st_size
        if size != entry.size:
            raise ArtifactError(f"{name}: {size} bytes, {MANIFEST_NAME} says {entry.size}")
        actual = measure(descriptor, name=name, advance=advance)
    if actual != entry:
        raise ArtifactError(f"{name}: its SHA-256 is {actual.sha256}, {MANIFEST_NAME} says {entry.sha256}")


def _behind_links(directory: Path) -> Path:
    """Return the directory that a directory of links stands for, and any other as it is.

    Of a path that is local to it, KServe's storage initializer makes a directory which holds, for each entry there, a
    link of the same name. Only when everything in it is such a link, all into one directory, is that one verified
    instead, and in full.
    """
    parents = set()
    try:
        with os.scandir(directory) as entries:
            for place, entry in enumerate(entries):
                target = Path(entry.path).readlink() if entry.is_symlink() else None
                if target is None or not target.is_absolute() or target.name != entry.name or place > MAX_FILES:
                    return directory
                parents.add(target.parent)
    except OSError as error:
        raise ArtifactError(f"{directory}: {error.strerror}") from error
    return parents.pop() if len(parents) == 1 else directory
