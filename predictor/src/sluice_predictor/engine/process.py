"""The engine's process as its parent sees it: how it is started, talked to and ended."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from sluice_predictor.engine.cpus import usable_cpus

COMMAND = (sys.executable, "-P", "-m", "sluice_predictor.engine.child")


@dataclass(frozen=True, slots=True)
class Process:
    """A started engine. Its ends of the sockets, one for each slot, close when it dies, however it dies."""

    popen: subprocess.Popen[bytes]
    links: Sequence[socket.socket]

    def end(self) -> str:
        """Kill the process if it still lives, wait for it, and say in a few words how it ended."""
        self.popen.kill()
        code = self.popen.wait()
        return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"exited with status {code}"


def start_process(command: Sequence[str] = COMMAND, *, slots: int) -> Process:
    """Start the engine; it imports its libraries while it waits to be told what to load.

    Args:
        command: how to start it; the numbers of its sockets are appended.
        slots: how many batches it runs at once, at most.
    """
    with ExitStack() as stack:
        pairs = [socket.socketpair() for _ in range(slots)]
        theirs = [stack.enter_context(end).fileno() for _, end in pairs]
        popen = subprocess.Popen(
            [*command, *map(str, theirs)], pass_fds=theirs, stdin=subprocess.DEVNULL, env=_environment()
        )
    return Process(popen=popen, links=[ours for ours, _ in pairs])


def _environment() -> dict[str, str]:
    """Settle what the numerical libraries read when they are imported; whoever sets a variable outside has his way."""
    cpus = str(usable_cpus())
    return {
        "OMP_NUM_THREADS": cpus,
        "RAYON_NUM_THREADS": cpus,
        # A thread that waits for its part of a pass spins for some microseconds, not milliseconds: others need the CPU.
        "GOMP_SPINCOUNT": "2000",
        # Calls of oneDNN that torch keeps, each with a buffer of its result's size: those of a few sizes of batches.
        "LRU_CACHE_CAPACITY": "128",
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        **os.environ,
    }
