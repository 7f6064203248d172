"""Writers in processes of their own, which a test may kill at any moment."""

import multiprocessing
import random
from ctypes import c_longlong
from multiprocessing.context import ForkServerProcess
from multiprocessing.synchronize import Semaphore
from typing import Any

from sluice_operator.ledger.store import Ledger
from tests.unit.sluice_operator.support.ledgers import entry

_SECONDS = 60.0
_SOON = 0.01

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.integration.ledger.writer"])


class Writer:
    """Appends an entry after the other for ever; in its next life it goes on with the first that was not acknowledged.

    Args:
        url: Of the ledger's database.
        first: Number of its first entry; it has the next hundred million for itself.
    """

    def __init__(self, url: str, *, first: int) -> None:
        self._url = url
        self.first = first
        self._acknowledged: Any = CONTEXT.RawValue(c_longlong, first - 1)
        self._appended = CONTEXT.Semaphore(0)
        """One more for each append of this life; a process that is killed can leave it in no other state."""
        self._process: ForkServerProcess | None = None

    @property
    def acknowledged(self) -> int:
        """Number of the last entry of which it was told that it is recorded."""
        return int(self._acknowledged.value)

    def start(self) -> None:
        """Begin a life."""
        self._appended = CONTEXT.Semaphore(0)
        args = (self._url, self._acknowledged, self._appended)
        self._process = CONTEXT.Process(target=_write, args=args, daemon=True)
        self._process.start()

    def kill(self) -> None:
        """End it, whatever it does at that moment."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process = None

    def kill_in_the_middle(self, moments: random.Random) -> None:
        """Let it come to work, and end it when it has appended something, or at some moment before it has again."""
        assert self._appended.acquire(timeout=_SECONDS), "it appends nothing"
        self._appended.acquire(timeout=moments.uniform(0, _SOON))
        self.kill()


def _write(url: str, acknowledged: Any, appended: Semaphore) -> None:
    ledger = Ledger.open(url, seconds=30)
    while True:
        number = acknowledged.value + 1
        ledger.append([entry(number)])
        acknowledged.value = number
        appended.release()
