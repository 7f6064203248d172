"""What goes wrong for a user: one line that says what is wrong and what to do, and an exit status."""

import errno
import shutil
from pathlib import Path

GIB = 1024**3


class ClusterError(Exception):
    """A failure that its message explains in full; no traceback is shown for it."""

    exit_status = 1


class UnmetNeedError(ClusterError):
    """The machine lacks something: a tool, a privilege, memory, disk or a free port."""

    exit_status = 3


class BusyError(ClusterError):
    """Another run of this command holds the lock."""

    exit_status = 4


class NoSpaceError(ClusterError):
    """A file system filled up."""

    exit_status = 5


class StoppedError(ClusterError):
    """The run was interrupted (Ctrl-C or SIGTERM); what was finished is kept."""

    exit_status = 130


def free_gib(path: Path) -> float:
    """Free space, in GiB, of the file system that `path` is on or would be made on."""
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free / GIB


def no_space(path: Path, *, needed_gib: float) -> NoSpaceError:
    """The error for a full file system at `path`, naming what is free and what is needed there."""
    return NoSpaceError(
        f"No space left on the file system of {path}: {free_gib(path):.1f} GiB are free, "
        f"about {needed_gib:.0f} GiB are needed. Free some and run the same command again."
    )


def is_no_space(error: OSError) -> bool:
    return error.errno in {errno.ENOSPC, errno.EDQUOT}
