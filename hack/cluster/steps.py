"""Build steps that are done once: keyed by a hash of what goes in, left whole or not at all, resumable.

A step's key covers its own inputs and the keys of the steps it needs, so a change travels to everything made
from it. What a step makes appears under its final name only when it is complete: an interrupted run leaves
nothing that a later one could take for finished.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from hack.cluster.errors import BusyError, StoppedError

KEY_LENGTH = 12
_POLL_S = 0.05


class Output(Protocol):
    """What a step leaves behind, found again by the step's key."""

    def exists(self, key: str) -> bool: ...

    def make(self, key: str) -> None: ...


@dataclass(frozen=True, slots=True)
class FileOutput:
    """A file or directory in the cache, with its key in a stamp beside it."""

    path: Path
    build: Callable[[Path], None]

    def exists(self, key: str) -> bool:
        stamp = self._stamp()
        return self.path.exists() and stamp.exists() and stamp.read_text() == key

    def make(self, key: str) -> None:
        """Build under a temporary name, then rename: the stamp is written last and read first."""
        part = self.path.with_name(f".{self.path.name}.part")
        _remove(part)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self.build(part)
            self._stamp().unlink(missing_ok=True)
            if self.path.is_dir() and not self.path.is_symlink():
                shutil.rmtree(self.path)
            part.replace(self.path)
            write_whole(self._stamp(), key)
        finally:
            _remove(part)

    def _stamp(self) -> Path:
        return self.path.with_name(f".{self.path.name}.key")


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to make.

    Attributes:
        name: Shown to the user and used as the name of its log.
        lane: Steps of one lane run one after the other, lanes run beside each other.
        inputs: Words and files whose content decides the result; a directory stands for all files in it.
        needs: Names of steps that come first.
    """

    name: str
    lane: str
    inputs: tuple[str | Path, ...]
    output: Output
    needs: tuple[str, ...] = ()


class Report(Protocol):
    """Where progress goes."""

    def started(self, name: str) -> None: ...

    def finished(self, name: str, *, seconds: float) -> None: ...


def fingerprint(inputs: Sequence[str | Path]) -> str:
    """A short hash of words and of the content of files and directories, by their relative names."""
    digest = hashlib.sha256()
    for item in inputs:
        if isinstance(item, str):
            digest.update(f"word {item}\0".encode())
            continue
        files = sorted(path for path in item.rglob("*") if path.is_file()) if item.is_dir() else [item]
        for file in files:
            name = file.relative_to(item.parent)
            if "__pycache__" not in name.parts:
                digest.update(f"file {name}\0".encode())
                digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:KEY_LENGTH]


class Plan:
    """Steps in an order in which each comes after what it needs, with their keys."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.keys: dict[str, str] = {}

    def add(self, step: Step) -> str:
        """Add a step and return its key.

        Raises:
            ValueError: It needs a step that was not added before it.
        """
        missing = [name for name in step.needs if name not in self.keys]
        if missing:
            raise ValueError(f"step {step.name} needs {missing}, which must be added before it")
        key = fingerprint([step.name, *step.inputs, *(self.keys[name] for name in step.needs)])
        self.steps.append(step)
        self.keys[step.name] = key
        return key


def run_plan(plan: Plan, *, report: Report, stop: Callable[[], None]) -> None:
    """Make what is missing, lane beside lane.

    Args:
        plan: What to make.
        report: Told about every step that is really run.
        stop: Ends programs that still run; called when a step fails or the user interrupts.

    Raises:
        ClusterError: The first failure; what was finished by then is kept.
    """
    done = {step.name: threading.Event() for step in plan.steps}
    halted = threading.Event()

    def halt() -> None:
        halted.set()
        stop()

    def run_lane(lane: str) -> None:
        try:
            for step in plan.steps:
                if step.lane != lane:
                    continue
                if not _all_done([done[name] for name in step.needs], halted=halted):
                    return
                _run_step(step, key=plan.keys[step.name], report=report)
                done[step.name].set()
        except BaseException:
            halt()
            raise

    lanes = list(dict.fromkeys(step.lane for step in plan.steps))
    with ThreadPoolExecutor(max_workers=max(1, len(lanes))) as pool:
        futures = [pool.submit(run_lane, lane) for lane in lanes]
        try:
            while not all(future.done() for future in futures):
                time.sleep(_POLL_S)  # a wait that a signal can end
        except BaseException:
            halt()
            raise
    _raise_first([error for future in futures if (error := future.exception())])


def write_whole(path: Path, text: str) -> None:
    """Write a small file so that readers see the old content or the new, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.new")
    part.write_text(text)
    part.replace(path)


@contextlib.contextmanager
def only_one(lock: Path) -> Iterator[None]:
    """Hold the lock of this cache; the kernel lets go of it however we end.

    Raises:
        BusyError: Another process holds it.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise BusyError(
                f"Another hack.cluster is at work (process {holder}). Wait for it, or stop it with Ctrl-C there."
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _all_done(events: Sequence[threading.Event], *, halted: threading.Event) -> bool:
    """Wait for all events; False as soon as the run is halted."""
    while not halted.is_set():
        if all(event.is_set() for event in events):
            return True
        halted.wait(_POLL_S)
    return False


def _run_step(step: Step, *, key: str, report: Report) -> None:
    if step.output.exists(key):
        return
    began = time.monotonic()
    report.started(step.name)
    step.output.make(key)
    report.finished(step.name, seconds=time.monotonic() - began)


def _raise_first(errors: Sequence[BaseException]) -> None:
    """A lane that was stopped because another failed says nothing of interest."""
    telling = [error for error in errors if not isinstance(error, StoppedError)]
    for error in [*telling, *errors]:
        raise error


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
