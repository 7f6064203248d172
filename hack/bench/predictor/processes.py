"""What the kernel knows: a server's processes, their CPU time, and how busy the machine is with others."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

_HZ = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")


def family(leader: int) -> list[int]:
    """Process ids of a session's leader, of all in its session, and of all their descendants."""
    found = {leader}
    parents: dict[int, int] = {}
    for entry in _PROC.iterdir():
        if entry.name.isdecimal() and (fields := _fields(int(entry.name))):
            parents[int(entry.name)] = int(fields[1])
            if int(fields[3]) == leader:
                found.add(int(entry.name))
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return sorted(found)


def cpu_seconds(pids: Iterable[int]) -> float:
    """CPU time of the processes and of their children that have ended."""
    ticks = 0
    for pid in pids:
        if fields := _fields(pid):
            ticks += sum(int(fields[place]) for place in (11, 12, 13, 14))
    return ticks / _HZ


def send(pids: Iterable[int], number: signal.Signals) -> None:
    """Send a signal to those of the processes that have not ended."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


class Window:
    """Measures, while its block runs, how busy the machine is with what is not ours.

    Attributes:
        seconds: How long the block took.
        foreign: CPU that others used meanwhile, in cores; also what a hypervisor took away.
    """

    def __init__(self, ours: Callable[[], Iterable[int]] = lambda: ()) -> None:
        """Count the processes that `ours` returns, this one and its ended children as ours."""
        self.seconds = self.foreign = 0.0
        self._ours = ours

    def __enter__(self) -> Self:
        self._busy, self._own, self._began = _busy_seconds(), self._own_seconds(), time.monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.seconds = time.monotonic() - self._began
        others = (_busy_seconds() - self._busy) - (self._own_seconds() - self._own)
        self.foreign = max(0.0, others / self.seconds)

    def _own_seconds(self) -> float:
        times = os.times()
        here = times.user + times.system + times.children_user + times.children_system
        return here + cpu_seconds(self._ours())


def wait_until_quiet(*, limit: float, longest: float) -> bool:
    """Wait until others use less than `limit` cores, at most `longest` seconds; whether they do."""
    ends = time.monotonic() + longest
    while True:
        with Window() as window:
            time.sleep(0.3)
        if window.foreign < limit:
            return True
        if time.monotonic() > ends:
            return False


def _fields(pid: int) -> list[str] | None:
    """The fields of a process's `stat` from its state on; None once it has ended."""
    try:
        return (_PROC / str(pid) / "stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return None


def _busy_seconds() -> float:
    user, nice, system, _, _, interrupts, soft, stolen = map(
        int, (_PROC / "stat").read_text().split("\n", 1)[0].split()[1:9]
    )
    return (user + nice + system + interrupts + soft + stolen) / _HZ
