"""What the figures were measured on, and in which environment the others ran."""

from __future__ import annotations

import subprocess
from pathlib import Path

from hack.bench.machine import machine, processor

_FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "avx512_fp16", "amx_bf16", "amx_int8")
_OURS = ("kserve", "torch", "transformers", "tokenizers", "uvicorn", "uvloop", "fastapi")
_PEERS = ("litserve", "bentoml", "torch", "transformers")


def environment(peers: Path) -> dict[str, object]:
    """Return it; `peers` is the other servers' environment."""
    first = processor()
    flags = first.get("flags", "").split()
    return {
        **machine(_OURS),
        "processor_family": f"{first.get('cpu family', '?')}/{first.get('model', '?')}",
        "processor_flags": [flag for flag in _FLAGS if flag in flags],
        "versions_of_others": _versions(peers),
    }


def _versions(peers: Path) -> dict[str, str]:
    program = "import sys; from importlib.metadata import version; print(*map(version, sys.argv[1:]))"
    printed = subprocess.run(
        [peers / "bin" / "python", "-c", program, *_PEERS], check=True, capture_output=True, text=True
    ).stdout
    return dict(zip(_PEERS, printed.split(), strict=True))
