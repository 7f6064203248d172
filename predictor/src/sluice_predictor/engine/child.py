"""The engine's process: it alone knows the numerical libraries, and it answers batches from a few threads.

It is started with one end of a socket pair as its only argument and imports the libraries at once, while the
server's process verifies the version. It ends when that socket does, so it never outlives the server.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import NoReturn, Protocol

from sluice_predictor.artifact import Artifact, ArtifactError
from sluice_predictor.engine.channel import (
    Decoder,
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
from sluice_predictor.engine.cpus import engine_slots
from sluice_predictor.tasks.base import Item, Precision, Task


class LoadTask(Protocol):
    """The function `sluice_predictor.tasks.load_task`."""

    def __call__(self, artifact: Artifact, *, precision: Precision, threads: int) -> Task: ...


def main() -> NoReturn:
    """Serve the process that holds the other end of the socket whose number is the first argument."""
    child = Child(socket.socket(fileno=int(sys.argv[1])))
    # Before the version is known: importing takes longer than loading.
    import torch

    from sluice_predictor.tasks import load_task

    child.serve(load_task=load_task, set_threads=torch.set_num_threads)


class Child:
    """This process' end of the conversation."""

    def __init__(self, link: socket.socket) -> None:
        """Begin to listen, in a thread, so that the end of the server is noticed whatever goes on here."""
        # Whoever stops the server, from a terminal or by its process group, lets it finish what is in flight.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self._link = link
        self._sending = threading.Lock()
        self._loads: SimpleQueue[Load] = SimpleQueue()
        self._runs: SimpleQueue[Run] = SimpleQueue()
        threading.Thread(target=self._listen, name="listen", daemon=True).start()

    def serve(self, *, load_task: LoadTask, set_threads: Callable[[int], None]) -> NoReturn:
        """Load the version that the server names, then answer until the server is gone.

        Args:
            load_task: loads a verified version.
            set_threads: sets the number of CPUs that the calling thread's forward passes use.
        """
        load = self._loads.get()
        try:
            task = load_task(load.artifact, precision=load.precision, threads=load.threads)
            self._start_slots(task, Cpus(total=load.threads, set_threads=set_threads), slots=engine_slots(load.threads))
        except ArtifactError as error:
            self._fail(str(error))
        except Exception as error:
            self._fail(f"the version could not be loaded: {_one_line(error)}")
        self._send(Loaded(task.description))
        while True:
            signal.pause()

    def _start_slots(self, task: Task, cpus: Cpus, *, slots: int) -> None:
        """Start the threads that answer, each warm: the libraries keep their own threads and buffers for each."""
        warm: SimpleQueue[Exception | None] = SimpleQueue()
        for number in range(slots):
            threading.Thread(target=self._work, args=(task, cpus, warm), name=f"slot-{number}", daemon=True).start()
        for _ in range(slots):
            if error := warm.get():
                raise error

    def _fail(self, reason: str) -> NoReturn:
        self._send(LoadFailed(reason))
        os._exit(1)

    def _listen(self) -> None:
        decoder = Decoder()
        try:
            while data := self._link.recv(1 << 18):
                for message in decoder.feed(data):
                    if isinstance(message, Load):
                        self._loads.put(message)
                    elif isinstance(message, Run):
                        self._runs.put(message)
        finally:
            os._exit(0)

    def _send(self, message: Message) -> None:
        data = encode(message)
        try:
            with self._sending:
                self._link.sendall(data)
        except OSError:
            os._exit(0)

    def _work(self, task: Task, cpus: Cpus, warm: SimpleQueue[Exception | None]) -> None:
        try:
            with cpus:
                task.warm_up()
        except Exception as error:
            warm.put(error)
            return
        warm.put(None)
        while True:
            run = self._runs.get()
            with cpus:
                results = answer(task, run.pieces)
            self._send(Ran(number=run.number, results=results))


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
