"""How much memory a server takes, as the limit of its container would count it.

Its own pages count once, however many of its processes share them. Of each mapped file, such as a library of torch,
those pages count that are resident in the one of its processes that has most of them. So a server with two processes
is not charged twice for one library, as a sum of RSS would, nor let off because another server on this machine maps the
same library, as a sum of PSS would.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

_PROC = Path("/proc")
_KB = 1024
_DEVICE, _INODE = 3, 4
"""Places in a mapping's line: addresses, rights, offset, device, inode, and perhaps a path."""


def resident_mb(pids: Iterable[int]) -> float:
    """Return the memory of a server's processes in MB; one that has ended counts nothing."""
    own, files = 0, defaultdict[str, int](int)
    for pid in pids:
        with contextlib.suppress(OSError):
            own += own_kb((_PROC / str(pid) / "smaps_rollup").read_text())
            for file, size in files_kb((_PROC / str(pid) / "smaps").read_text()).items():
                files[file] = max(files[file], size)
    return (own + sum(files.values())) * _KB / 1e6


def own_kb(rollup: str) -> int:
    """Return a process' own memory, each page divided by the number of processes that share it."""
    (size,) = (line.split()[1] for line in rollup.splitlines() if line.startswith("Pss_Anon:"))
    return int(size)


def files_kb(smaps: str) -> Mapping[str, int]:
    """Return what is resident of each mapped file, less the pages of which the process has its own copy."""
    sizes, file = defaultdict[str, int](int), ""
    for line in smaps.splitlines():
        words = line.split()
        if not words[0].endswith(":"):
            file = "" if words[_INODE] == "0" else f"{words[_DEVICE]} {words[_INODE]}"
        elif file and words[0] == "Rss:":
            sizes[file] += int(words[1])
        elif file and words[0] == "Anonymous:":
            sizes[file] -= int(words[1])
    return sizes
