"""The files that lie in a directory, found and read without ever following a link.

Everything is opened relative to the directory's own descriptor, and a file's size and hash are taken from one
descriptor: exchanging a name for a link while it is looked at leads nowhere. What storage leaves behind for its own
purposes is passed over, unopened.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from sluice_predictor.artifact.errors import ArtifactError
from sluice_predictor.artifact.manifest import MAX_FILES, FileEntry
from sluice_predictor.artifact.names import MANIFEST_NAME, MAX_DEPTH, check_name, shown

LEFT_BY_STORAGE = frozenset({".cache/huggingface", ".gitattributes", "lost+found"})
"""The Hub client's own records, the Hub's, and the file system's of a volume; nothing here ever reads them."""

DRAFT_NAME = f".{MANIFEST_NAME}.draft"
"""Where packing writes the manifest before it takes its place."""

_PARENTS = frozenset(str(parent) for name in LEFT_BY_STORAGE for parent in PurePosixPath(name).parents)
_PASSED_OVER = LEFT_BY_STORAGE | {MANIFEST_NAME, DRAFT_NAME}
_CHUNK = 1 << 20

Advance = Callable[[int], None]
"""Told of progress: the number of bytes read since it was told last."""


@contextmanager
def open_root(directory: Path) -> Iterator[int]:
    """Open a version's directory, which may itself be reached through links, as KServe's model images are.

    Raises:
        ArtifactError: it cannot be opened.
    """
    try:
        root = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise ArtifactError(f"{directory}: {error.strerror}") from error
    try:
        yield root
    finally:
        os.close(root)


def list_files(root: int, *, known: Collection[str] | None = None) -> list[str]:
    """Return the names of all files but the manifest, sorted.

    Args:
        root: descriptor of the directory.
        known: if given, the only names that may be there; a directory without any of them is not entered.

    Raises:
        ArtifactError: something is there that no version holds, or that is not known.
    """
    known_directories = None if known is None else {str(up) for name in known for up in PurePosixPath(name).parents}
    names = []
    for name, directory in _walk(root, prefix="", depth=1, entered=known_directories):
        if directory:
            raise ArtifactError(f"{shown(name)}: a directory of which {MANIFEST_NAME} lists no file")
        check_name(name)
        if known is not None and name not in known:
            raise ArtifactError(f"{name}: not listed in {MANIFEST_NAME}; remove it or pack the version again")
        names.append(name)
    return sorted(names)


def _walk(root: int, *, prefix: str, depth: int, entered: Collection[str] | None) -> Iterator[tuple[str, bool]]:
    """Yield the names of files, and with True those of directories that are not entered."""
    if depth > MAX_DEPTH:
        raise ArtifactError(f"{shown(prefix.rstrip('/'))}: more than {MAX_DEPTH} directories deep")
    for entry in _entries(root, prefix):
        name = prefix + entry.name
        if entry.is_symlink():
            raise ArtifactError(f"{shown(name)}: a symbolic link, which could lead out of the version's directory")
        if name in _PASSED_OVER:
            continue
        if entry.is_dir(follow_symlinks=False):
            if entered is not None and name not in entered and name not in _PARENTS:
                yield name, True
                continue
            with _opened(entry.name, at=root, flags=os.O_DIRECTORY, name=name) as inner:
                yield from _walk(inner, prefix=name + "/", depth=depth + 1, entered=entered)
        elif entry.is_file(follow_symlinks=False):
            yield name, False
        else:
            raise ArtifactError(f"{shown(name)}: not a regular file")


def _entries(descriptor: int, prefix: str) -> list[os.DirEntry[str]]:
    entries = []
    with os.scandir(descriptor) as found:
        for entry in found:
            entries.append(entry)
            if len(entries) > 2 * MAX_FILES:
                raise ArtifactError(f"{shown(prefix.rstrip('/') or '.')}: holds more than {2 * MAX_FILES} entries")
    return sorted(entries, key=lambda entry: entry.name)


@contextmanager
def open_file(root: int, name: str) -> Iterator[int]:
    """Open a file of the version by its checked name; no part of the name may be a link.

    Raises:
        ArtifactError: there is no such regular file, or it cannot be read.
    """
    head, _, tail = name.partition("/")
    if tail:
        with _opened(head, at=root, flags=os.O_DIRECTORY, name=name) as inner, open_file(inner, tail) as descriptor:
            yield descriptor
        return
    # A pipe that took the file's place would otherwise keep the open waiting for ever.
    with _opened(name, at=root, flags=os.O_NONBLOCK, name=name) as descriptor:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ArtifactError(f"{name}: not a regular file")
        yield descriptor


@contextmanager
def _opened(part: str, *, at: int, flags: int, name: str) -> Iterator[int]:
    try:
        descriptor = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | flags, dir_fd=at)
    except OSError as error:
        raise ArtifactError(f"{shown(name)}: {error.strerror}") from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def measure(descriptor: int, *, name: str, advance: Advance | None = None) -> FileEntry:
    """Return the size and hash of an open file.

    Raises:
        ArtifactError: it grew or shrank meanwhile, or cannot be read.
    """
    size = os.fstat(descriptor).st_size
    sha256 = hashlib.sha256()
    buffer = memoryview(bytearray(_CHUNK))
    read = 0
    try:
        # One byte more than there should be is read at most, so that a file that grows for ever is not read for ever.
        while count := os.readv(descriptor, [buffer[: min(_CHUNK, size + 1 - read)]]):
            sha256.update(buffer[:count])
            read += count
            if advance is not None:
                advance(count)
            if read > size:
                break
    except OSError as error:
        raise ArtifactError(f"{name}: {error.strerror}") from error
    if read != size:
        raise ArtifactError(f"{name}: changed while it was read")
    return FileEntry(sha256=sha256.hexdigest(), size=size)
