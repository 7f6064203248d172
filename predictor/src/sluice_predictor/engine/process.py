"""The engine's process as its parent sees it: how it is started, talked to and ended."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from sluice_predictor.engine.cpus import usable_cpus

COMMAND = (sys.executable, "-P", "-m", "sluice_predictor.engine.child")


@dataclass(frozen=True, slots=True)
class Process:
    """A started engine. Its end of the socket closes when it dies, however it dies."""

    popen: subprocess.Popen[bytes]
    link: socket.socket

    def end(self) -> str:
        """Kill the process if it still lives, wait for it, and say in a few words how it ended."""
        self.popen.kill()
        code = self.popen.wait()
        return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"exited with status {code}"


def start_process(command: Sequence[str] = COMMAND) -> Process:
    """Start the engine; it imports its libraries while it waits to be told what to load.

    Args:
        command: how to start it; the number of its socket is appended.
    """
    ours, theirs = socket.socketpair()
    with theirs:
        popen = subprocess.Popen(
            [*command, str(theirs.fileno())], pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, env=_environment()
        )
    return Process(popen=popen, link=ours)


def _environment() -> dict[str, str]:
    """Settle what the numerical libraries read when they are imported; whoever sets a variable outside has his way."""
    cpus = str(usable_cpus())
    return {
        "OMP_NUM_THREADS": cpus,
        "RAYON_NUM_THREADS": cpus,
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        **os.environ,
    }
