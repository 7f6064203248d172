"""What the figures were measured on: size, kind and versions; no names of hosts, no paths."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path

_FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "avx512_fp16", "amx_bf16", "amx_int8")
_OURS = ("kserve", "torch", "transformers", "tokenizers", "uvicorn", "uvloop", "fastapi")
_PEERS = ("litserve", "bentoml", "torch", "transformers")


def environment(peers: Path) -> dict[str, object]:
    """Return it; `peers` is the other servers' environment."""
    processor = _processor()
    flags = processor.get("flags", "").split()
    return {
        "processor": processor.get("model name", platform.machine()),
        "processor_family": f"{processor.get('cpu family', '?')}/{processor.get('model', '?')}",
        "processor_flags": [flag for flag in _FLAGS if flag in flags],
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: importlib.metadata.version(name) for name in _OURS},
        "versions_of_others": _versions(peers),
    }


def _processor() -> dict[str, str]:
    """The first processor of the kernel's list."""
    first = Path("/proc/cpuinfo").read_text().split("\n\n", 1)[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def _versions(peers: Path) -> dict[str, str]:
    program = "import sys; from importlib.metadata import version; print(*map(version, sys.argv[1:]))"
    printed = subprocess.run(
        [peers / "bin" / "python", "-c", program, *_PEERS], check=True, capture_output=True, text=True
    ).stdout
    return dict(zip(_PEERS, printed.split(), strict=True))
