"""A server in processes of its own: started, asked until it answers, and ended whatever happens."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hack.bench.predictor.catalogue import PATH, Kind
from hack.bench.predictor.inputs import request_body
from hack.bench.predictor.processes import cpu_seconds, family, rss_mb

START_TIMEOUT_S = 180.0
STOP_TIMEOUT_S = 20.0
_POLL_S = 0.05
_FIRST_PORT = 19300


class BenchError(Exception):
    """What ended the run, in one line."""


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers.

    Attributes:
        kind: Which one.
        port: Where it listens on 127.0.0.1.
        pid: Its first process, leader of a session of its own.
        start_to_ready_s: From its start to its first right answer.
    """

    kind: Kind
    port: int
    pid: int
    start_to_ready_s: float

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{PATH}"

    def pids(self) -> list[int]:
        return family(self.pid)

    def cpu_seconds(self) -> float:
        return cpu_seconds(self.pids())

    def rss_mb(self) -> float:
        return rss_mb(self.pids())


@contextlib.contextmanager
def running(kinds: Sequence[Kind], *, model: Path, peers: Path, logs: Path) -> Iterator[list[Running]]:
    """Run servers while the block runs, started one after the other.

    Args:
        kinds: Which.
        model: What they serve.
        peers: The environment of the other servers.
        logs: Directory for what they print.

    Raises:
        BenchError: One does not start; the message names its log.
    """
    logs.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        found = []
        for place, kind in enumerate(kinds):
            port = _FIRST_PORT + 10 * place
            found.append(stack.enter_context(_one(kind, port=port, model=model, peers=peers, logs=logs)))
        yield found


@contextlib.contextmanager
def _one(kind: Kind, *, port: int, model: Path, peers: Path, logs: Path) -> Iterator[Running]:
    log = logs / f"{kind.key}.log"
    began = time.monotonic()
    with log.open("wb") as out:
        process = subprocess.Popen(
            kind.command(peers=peers, port=port, model=model),
            env=kind.environment(model),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        while not _answers(f"http://127.0.0.1:{port}{PATH}"):
            if process.poll() is not None:
                raise BenchError(f"{kind.title} ended as it started: see {log}")
            if time.monotonic() - began > START_TIMEOUT_S:
                raise BenchError(f"{kind.title} does not answer after {START_TIMEOUT_S:.0f} s: see {log}")
            time.sleep(_POLL_S)
        yield Running(kind=kind, port=port, pid=process.pid, start_to_ready_s=time.monotonic() - began)
    finally:
        _end(process)


def _answers(url: str) -> bool:
    request = urllib.request.Request(  # noqa: S310  # loopback
        url, request_body(["hello"]), {"content-type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
            return bool(response.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask the server to end, then end what is left of it."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_TIMEOUT_S)
    for pid in family(process.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()
