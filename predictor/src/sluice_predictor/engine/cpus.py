"""How many CPUs this container may use, which is not how many the machine has.

Without this the numerical libraries start a thread for every core of the host, and under a CPU quota those threads
spend most of each period throttled.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")


def usable_cpus(*, cgroups: Path = _CGROUPS, affinity: int | None = None) -> int:
    """Return the CPU quota of this process' cgroup rounded up, at most the CPUs it may be scheduled on.

    Args:
        cgroups: where cgroup v2, or the controllers of v1, are mounted.
        affinity: number of CPUs the process may be scheduled on; asked of the system if not given.
    """
    schedulable = len(os.sched_getaffinity(0)) if affinity is None else affinity
    quota = _quota_v2(cgroups) or _quota_v1(cgroups)
    return schedulable if quota is None else max(1, min(schedulable, math.ceil(quota)))


def engine_slots(cpus: int) -> int:
    """Return how many batches are worth running at once: each needs a CPU, and Python serves only so many threads."""
    return min(cpus, 4)


def _quota_v2(cgroups: Path) -> float | None:
    words = _words(cgroups / "cpu.max")
    return None if len(words) != 2 or words[0] == "max" else int(words[0]) / int(words[1])


def _quota_v1(cgroups: Path) -> float | None:
    quota = _words(cgroups / "cpu" / "cpu.cfs_quota_us")
    period = _words(cgroups / "cpu" / "cpu.cfs_period_us")
    return None if not quota or not period or int(quota[0]) <= 0 else int(quota[0]) / int(period[0])


def _words(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii").split()
    except OSError:
        return []
