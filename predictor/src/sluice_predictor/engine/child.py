"""The engine's process: it alone knows the numerical libraries, and it answers batches from a few threads.

It is started with its ends of socket pairs as arguments, one for each slot, and imports the libraries at once, while
the server's process verifies the version. It ends when the sockets do, so it never outlives the server.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import NoReturn, Protocol, TypeVar

from sluice_predictor.artifact import Artifact, ArtifactError
from sluice_predictor.engine.channel import (
    Inbox,
    Load,
    Loaded,
    LoadFailed,
    Message,
    Piece,
    Ran,
    Result,
    Run,
    encode,
    plain,
)
from sluice_predictor.logs import configure_logs
from sluice_predictor.tasks.base import Item, PrecisionSetting, Task

Received = TypeVar("Received", Load, Run)


class LoadTask(Protocol):
    """The function `sluice_predictor.tasks.load_task`."""

    def __call__(self, artifact: Artifact, *, precision: PrecisionSetting, threads: int) -> Task: ...


def main() -> NoReturn:
    """Serve the process that holds the other ends of the sockets whose numbers are the arguments."""
    child = Child([socket.socket(fileno=int(number)) for number in sys.argv[1:]])
    configure_logs()
    # Before the version is known: importing takes longer than loading.
    import torch

    from sluice_predictor.tasks import load_task

    child.serve(load_task=load_task, set_threads=torch.set_num_threads)


class Child:
    """This process' end of the conversation."""

    def __init__(self, links: Sequence[socket.socket]) -> None:
        """Begin to watch, in a thread, so that the end of the server is noticed whatever goes on here."""
        # Whoever stops the server, from a terminal or by its process group, lets it finish what is in flight.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self._slots = [Slot(link) for link in links]
        threading.Thread(target=self._watch, args=(links[0],), name="watch", daemon=True).start()

    def serve(self, *, load_task: LoadTask, set_threads: Callable[[int], None]) -> NoReturn:
        """Load the version that the server names, then answer until the server is gone.

        Args:
            load_task: loads a verified version.
            set_threads: sets the number of CPUs that the calling thread's forward passes use.
        """
        load = self._slots[0].receive(Load)
        try:
            task = load_task(load.artifact, precision=load.precision, threads=load.threads)
            self._start_slots(task, Cpus(total=load.threads, set_threads=set_threads))
        except ArtifactError as error:
            self._fail(str(error))
        except Exception as error:
            self._fail(f"the version could not be loaded: {_one_line(error)}")
        self._slots[0].send(Loaded(task.description))
        while True:
            signal.pause()

    def _start_slots(self, task: Task, cpus: Cpus) -> None:
        """Start the threads that answer, each warm: the libraries keep their own threads and buffers for each."""
        warm: SimpleQueue[Exception | None] = SimpleQueue()
        for number, slot in enumerate(self._slots):
            threading.Thread(target=_work, args=(slot, task, cpus, warm), name=f"slot-{number}", daemon=True).start()
        for _ in self._slots:
            if error := warm.get():
                raise error

    def _fail(self, reason: str) -> NoReturn:
        self._slots[0].send(LoadFailed(reason))
        os._exit(1)

    @staticmethod
    def _watch(link: socket.socket) -> None:
        """Wait for the other end to be closed, and for nothing else: what arrives is for the slots."""
        poll = select.poll()
        poll.register(link, select.POLLRDHUP)
        poll.poll()
        os._exit(0)


class Slot:
    """One socket, used by one thread.

    The thread that works on a batch reads and answers it itself: to be woken by another, or to wake one, takes a lone
    request as much time as the rest of its way.
    """

    def __init__(self, link: socket.socket) -> None:
        """Begin to talk."""
        self._link = link
        self._inbox = Inbox()

    def receive(self, kind: type[Received]) -> Received:
        """Wait for the next message, which is of this kind; exit if the server is gone."""
        while (message := self._inbox.take()) is None:
            data = self._link.recv(1 << 18)
            if not data:
                os._exit(0)
            self._inbox.feed(data)
        if not isinstance(message, kind):
            raise TypeError(f"expected {kind.__name__}, got {type(message).__name__}")
        return message

    def send(self, message: Message) -> None:
        """Send a message; exit if the server is gone."""
        try:
            self._link.sendall(encode(message))
        except OSError:
            os._exit(0)


def _work(slot: Slot, task: Task, cpus: Cpus, warm: SimpleQueue[Exception | None]) -> None:
    try:
        with cpus:
            task.warm_up()
    except Exception as error:
        warm.put(error)
        return
    warm.put(None)
    while True:
        run = slot.receive(Run)
        with cpus:
            results = answer(task, run.pieces)
        slot.send(Ran(results=results))


def answer(task: Task, pieces: Sequence[Piece]) -> list[Result]:
    """Answer pieces of requests as one batch; if that fails each alone, so that each fails for its own input only."""
    items = [Item(text, piece.parameters) for piece in pieces for text in piece.texts]
    try:
        answers = iter(task.answer(items))
        return [[plain(next(answers)) for _ in piece.texts] for piece in pieces]
    except Exception as error:
        if len(pieces) == 1:
            return [_one_line(error)]
        return [result for piece in pieces for result in answer(task, [piece])]


class Cpus:
    """Shares the CPUs among the threads that are in a forward pass.

    A pass that runs alone uses all CPUs. Passes that run together get one share each, since two of one thread
    each finish sooner than two that fight for the same two CPUs.
    """

    def __init__(self, *, total: int, set_threads: Callable[[int], None]) -> None:
        """Share this many CPUs."""
        self._total = total
        self._set_threads = set_threads
        self._lock = threading.Lock()
        self._busy = 0
        self._local = threading.local()

    def __enter__(self) -> None:
        """Begin a pass in this thread."""
        with self._lock:
            self._busy += 1
            share = max(1, self._total // self._busy)
        if getattr(self._local, "share", None) != share:
            self._local.share = share
            self._set_threads(share)

    def __exit__(self, *_: object) -> None:
        """End it."""
        with self._lock:
            self._busy -= 1


def _one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


if __name__ == "__main__":
    main()
