"""What figures were measured on: size, kind and versions; no names of hosts, no paths."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def machine(libraries: Iterable[str]) -> dict[str, Any]:
    """Return it, with the versions of these libraries of ours."""
    return {
        "processor": processor().get("model name", platform.machine()),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: importlib.metadata.version(name) for name in libraries},
    }


def processor() -> dict[str, str]:
    """The first processor of the kernel's list."""
    first = Path("/proc/cpuinfo").read_text().split("\n\n", 1)[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}
