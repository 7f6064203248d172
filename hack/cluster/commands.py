"""Run other programs, keep what they said, and end them when we are ended.

Every child gets a process group of its own: Ctrl-C reaches us alone, and we end the whole group, so that no
compiler or download goes on by itself.
"""

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from hack.cluster.errors import ClusterError, StoppedError, UnmetNeedError, no_space

Words = Sequence[str | Path]
"""A program and its arguments."""

UV = os.environ.get("UV", "uv")
"""The uv that runs us, which need not be on PATH."""

_TAIL_BYTES = 4000
_LINE_LENGTH = 300
_GRACE_S = 10.0


class Shell:
    """Runs programs and knows which still run.

    Args:
        logs: Directory for what programs print, one file for each name.
        needed_gib: What the whole build needs on disk, for the message when a disk is full.
        env: Additions to the environment of every child.
    """

    def __init__(self, *, logs: Path, needed_gib: float = 0, env: Mapping[str, str] | None = None) -> None:
        self._logs = logs
        self._needed_gib = needed_gib
        self._env = {**os.environ, **(env or {})}
        self._live: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def run(
        self,
        words: Words,
        *,
        log: str,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: bytes | None = None,
    ) -> None:
        """Run one program to its end; what it prints is added to the log named `log`.

        Raises:
            ClusterError: It could not be started, or failed; the message has its last line.
        """
        with self._log(log) as out, self._child(words, cwd=cwd, env=env, stdin=stdin, out=out) as child:
            child.communicate(stdin)
            self._check(child, words, log=out)

    def pipe(self, source: Words, sink: Words, *, log: str) -> None:
        """Run `source | sink`: what flows between them never lies on a disk.

        Raises:
            ClusterError: Either could not be started, or failed.
        """
        with (
            self._log(log) as out,
            self._child(source, out=subprocess.PIPE, err=out) as first,
            self._child(sink, stdin=first.stdout, out=out) as second,
        ):
            if first.stdout:
                first.stdout.close()  # only the sink may hold its end: else the source never learns that it ended
            second.wait()
            first.wait()
            self._check(second, sink, log=out)
            self._check(first, source, log=out)

    def output(self, words: Words, *, cwd: Path | None = None, stdin: bytes | None = None) -> str:
        """What one program prints.

        Raises:
            ClusterError: It could not be started, or failed; the message has its last line.
        """
        with self._child(words, cwd=cwd, stdin=stdin, out=subprocess.PIPE, err=subprocess.PIPE) as child:
            printed, said = child.communicate(stdin)
            if child.returncode != 0:
                raise self._failure(words, said=(said or printed).decode(errors="replace"))
        return printed.decode()

    def succeeds(self, words: Words) -> bool:
        """Whether a program that only asks a question answers yes."""
        try:
            self.output(words)
        except StoppedError:
            raise
        except ClusterError:
            return False
        return True

    def stop(self) -> None:
        """End every program that still runs; later ones are refused."""
        with self._lock:
            self._stopped = True
            live = list(self._live)
        for child in live:
            _signal_group(child, signal.SIGTERM)
        for child in live:
            try:
                child.wait(timeout=_GRACE_S)
            except subprocess.TimeoutExpired:
                _signal_group(child, signal.SIGKILL)

    @contextlib.contextmanager
    def _log(self, name: str) -> Iterator[IO[bytes]]:
        self._logs.mkdir(parents=True, exist_ok=True)
        with (self._logs / f"{name}.log").open("ab") as file:
            yield file

    @contextlib.contextmanager
    def _child(
        self,
        words: Words,
        *,
        out: IO[bytes] | int,
        err: IO[bytes] | int = subprocess.STDOUT,
        stdin: bytes | IO[bytes] | None = None,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Iterator[subprocess.Popen[bytes]]:
        source = subprocess.PIPE if isinstance(stdin, bytes) else stdin or subprocess.DEVNULL
        with self._lock:
            if self._stopped:
                raise StoppedError("StoppedError.")
            try:
                child = subprocess.Popen(
                    words,
                    stdin=source,
                    stdout=out,
                    stderr=err,
                    cwd=cwd,
                    env={**self._env, **(env or {})},
                    start_new_session=True,
                )
            except FileNotFoundError as error:
                raise UnmetNeedError(f"{words[0]} is not installed or not on PATH.") from error
            self._live.add(child)
        try:
            yield child
        finally:
            if child.poll() is None:
                _signal_group(child, signal.SIGTERM)
                child.wait()
            with self._lock:
                self._live.discard(child)

    def _check(self, child: subprocess.Popen[bytes], words: Words, *, log: IO[bytes]) -> None:
        if child.returncode != 0:
            path = Path(log.name)
            said = path.read_bytes()[-_TAIL_BYTES:].decode(errors="replace")
            raise self._failure(words, said=said, log=path)

    def _failure(self, words: Words, *, said: str, log: Path | None = None) -> ClusterError:
        if self._stopped:
            return StoppedError("StoppedError.")
        if "no space left on device" in said.lower():
            return no_space(self._logs, needed_gib=self._needed_gib)
        command = " ".join([Path(words[0]).name, *(str(word) for word in words[1:3])])
        where = f" (all of it: {log})" if log else ""
        return ClusterError(f"`{command} …` failed: {_telling_line(said)}{where}")


def _telling_line(said: str) -> str:
    """The line that tells most: the first that calls itself an error, else the last."""
    lines = [line.strip() for line in said.splitlines() if line.strip()] or ["it said nothing"]
    line = next((line for line in lines if line.lower().startswith("error")), lines[-1])
    return line[:_LINE_LENGTH]


def _signal_group(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, number)
