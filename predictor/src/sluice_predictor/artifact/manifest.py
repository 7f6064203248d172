"""`sluice.json` lists every file of a model version with its size and SHA-256, and so names the version.

The version's digest is the SHA-256 of the RFC 8785 form of `sluice.json`: it pins every byte of the version,
whatever way the bytes travelled. A directory is opened only when it holds exactly the listed files; all of
that is checked before any parser but this module's sees one of them.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

import rfc8785
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

MANIFEST_NAME = "sluice.json"
MAX_MANIFEST_BYTES = 1 << 20

_SUFFIXES = frozenset({".json", ".safetensors", ".txt", ".md"})
"""Formats that are data and nothing else. A pickle or a source file could run code as it is loaded."""

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$")]
Version = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$")]
Label = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class ArtifactError(Exception):
    """A version's directory is not what its manifest says; the message is one line and names the file."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True)


class FileEntry(_Strict):
    """What a file of the version must be: its SHA-256 in lower-case hex and its size in bytes."""

    sha256: Sha256
    size: Annotated[int, Field(ge=0)]


class Manifest(_Strict):
    """The content of `sluice.json`; `files` is keyed by path relative to the directory, in POSIX form."""

    format_version: Annotated[Literal[1], Field(alias="formatVersion")] = 1
    model: Name
    version: Version
    task: Name
    labels: Annotated[list[Label], Field(min_length=1, max_length=1000)]
    files: Annotated[dict[str, FileEntry], Field(min_length=1, max_length=1000)]

    def digest(self) -> str:
        """Return `sha256:` and the hash of this manifest's RFC 8785 form."""
        canonical = rfc8785.dumps(self.model_dump(by_alias=True))
        return "sha256:" + hashlib.sha256(canonical).hexdigest()


@dataclass(frozen=True, slots=True)
class Artifact:
    """A verified version: every file in `directory` is the one that `manifest` lists."""

    directory: Path
    manifest: Manifest
    digest: str


def pack(directory: Path, *, model: str, version: str, task: str, labels: Sequence[str]) -> Artifact:
    """Write `sluice.json` for the files that are in `directory`, replacing an older one.

    Raises:
        ArtifactError: the directory holds something that a version must not hold, or a name is not valid.
    """
    root = directory.resolve()
    files = {name: _measure(path) for name, path in sorted(_walk(root)) if name != MANIFEST_NAME}
    try:
        manifest = Manifest(model=model, version=version, task=task, labels=list(labels), files=files)
    except ValidationError as error:
        raise ArtifactError(f"{root}: {_first_problem(error)}") from error
    text = json.dumps(manifest.model_dump(by_alias=True), indent=2, ensure_ascii=False) + "\n"
    draft = root.parent / f".{root.name}.{MANIFEST_NAME}"
    draft.write_text(text, encoding="utf-8")
    draft.replace(root / MANIFEST_NAME)
    return Artifact(directory=root, manifest=manifest, digest=manifest.digest())


def open_artifact(directory: Path, digest: str | None = None) -> Artifact:
    """Verify a version's directory byte by byte.

    Args:
        directory: holds `sluice.json` and the files it lists, nothing else.
        digest: if given, the digest that the version must have, as `sha256:` and 64 hex digits.

    Raises:
        ArtifactError: the directory is not exactly the version; the message names the first wrong file.
    """
    root = directory.resolve()
    manifest = _read_manifest(root)
    actual = manifest.digest()
    if digest is not None and digest != actual:
        raise ArtifactError(f"{MANIFEST_NAME}: the version's digest is {actual}, {digest} was asked for")
    present = dict(_walk(root))
    del present[MANIFEST_NAME]
    for name in sorted(present.keys() - manifest.files.keys()):
        raise ArtifactError(f"{name}: not listed in {MANIFEST_NAME}; remove it or pack the version again")
    for name, entry in sorted(manifest.files.items()):
        _verify(present.get(name), name=name, entry=entry)
    return Artifact(directory=root, manifest=manifest, digest=actual)


def _read_manifest(root: Path) -> Manifest:
    path = root / MANIFEST_NAME
    if path.is_symlink() or not path.is_file():
        raise ArtifactError(f"{path}: no such file; is this the directory of a packed model version?")
    if path.stat().st_size > MAX_MANIFEST_BYTES:
        raise ArtifactError(f"{MANIFEST_NAME}: larger than {MAX_MANIFEST_BYTES} bytes")
    try:
        manifest = Manifest.model_validate(json.loads(path.read_bytes(), object_pairs_hook=_without_repeats))
    except ValidationError as error:
        raise ArtifactError(f"{MANIFEST_NAME}: {_first_problem(error)}") from error
    except (ValueError, RecursionError) as error:
        raise ArtifactError(f"{MANIFEST_NAME}: not valid JSON: {error}") from error
    for name in manifest.files:
        _check_name(name)
    return manifest


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object of a manifest; two keys of one name would let two readers see two manifests."""
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("an object has the same key twice")
    return result


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in problem["loc"])
    return f"{place}: {problem['msg']}" if place else problem["msg"]


def _check_name(name: str) -> None:
    path = PurePosixPath(name)
    plain = str(path) == name and "\\" not in name and name.isprintable()
    if not plain or path.is_absolute() or ".." in path.parts:
        raise ArtifactError(f"{name!r}: a file's name must be a plain path inside the version's directory")
    if path.suffix not in _SUFFIXES:
        allowed = ", ".join(sorted(_SUFFIXES))
        raise ArtifactError(f"{name}: only {allowed} files make a version; others could run code when loaded")


def _walk(directory: Path, prefix: str = "") -> Iterator[tuple[str, Path]]:
    with os.scandir(directory) as entries:
        for entry in entries:
            name = prefix + entry.name
            if entry.is_symlink():
                raise ArtifactError(f"{name}: a symbolic link, which could lead out of the version's directory")
            if entry.is_dir():
                yield from _walk(Path(entry.path), name + "/")
            elif entry.is_file():
                _check_name(name)
                yield name, Path(entry.path)
            else:
                raise ArtifactError(f"{name}: not a regular file")


def _verify(path: Path | None, *, name: str, entry: FileEntry) -> None:
    if path is None:
        raise ArtifactError(f"{name}: listed in {MANIFEST_NAME} but missing")
    size = path.stat().st_size
    if size != entry.size:
        raise ArtifactError(f"{name}: {size} bytes, {MANIFEST_NAME} says {entry.size}")
    sha256 = _measure(path).sha256
    if sha256 != entry.sha256:
        raise ArtifactError(f"{name}: its SHA-256 is {sha256}, {MANIFEST_NAME} says {entry.sha256}")


def _measure(path: Path) -> FileEntry:
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        return FileEntry(sha256=sha256, size=file.tell())
