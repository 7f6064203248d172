"""Servers in processes of their own: started one by one, stopped while others are asked, ended whatever happens.

A server that waits is not idle: threads of OpenMP spin, queues are polled, heartbeats are sent. So all but the one that
is asked are stopped by SIGSTOP, which costs them nothing but the time.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hack.bench.errors import BenchError
from hack.bench.predictor.catalogue import PATH, Kind
from hack.bench.predictor.inputs import request_body
from hack.bench.predictor.memory import resident_mb
from hack.bench.predictor.processes import cpu_seconds, family, send

START_TIMEOUT_S = 180.0
STOP_TIMEOUT_S = 15.0
_POLL_S = 0.05
_OK = 200
_NOT_YET = (404, 500, 502, 503, 504)
"""What a server may say that listens before it has loaded its model."""


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

    @property
    def metrics_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/metrics"

    def pids(self) -> list[int]:
        return family(self.pid)

    def cpu_seconds(self) -> float:
        return cpu_seconds(self.pids())

    def rss_mb(self) -> float:
        return resident_mb(self.pids())

    @contextlib.contextmanager
    def awake(self) -> Iterator[None]:
        """Let it run while the block does."""
        send(self.pids(), signal.SIGCONT)
        try:
            yield
        finally:
            send(self.pids(), signal.SIGSTOP)


@contextlib.contextmanager
def running(kinds: Sequence[Kind], *, model: Path, peers: Path, logs: Path) -> Iterator[list[Running]]:
    """Have servers while the block runs, each started alone, and asleep until it is woken.

    Args:
        kinds: Which.
        model: What they serve.
        peers: The environment of the other servers.
        logs: Directory for what they print.

    Raises:
        BenchError: One does not start; the message names its log.
    """
    logs.mkdir(parents=True, exist_ok=True)
    processes: list[subprocess.Popen[bytes]] = []
    found: list[Running] = []
    try:
        for kind in kinds:
            log, ports = logs / f"{kind.key}.log", _free_ports()
            port = ports[0]
            began = time.monotonic()
            processes.append(_start(kind.command(peers=peers, ports=ports, model=model), kind.environment(model), log))
            _wait_until_right(kind, processes[-1], port=port, log=log)
            seconds = time.monotonic() - began
            found.append(Running(kind=kind, port=port, pid=processes[-1].pid, start_to_ready_s=seconds))
            send(found[-1].pids(), signal.SIGSTOP)
        yield found
    finally:
        _end(processes)


def _free_ports() -> tuple[int, int]:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        return one.getsockname()[1], other.getsockname()[1]


def _start(words: Sequence[str], env: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as out:
        return subprocess.Popen(
            words, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        )


def _wait_until_right(kind: Kind, process: subprocess.Popen[bytes], *, port: int, log: Path) -> None:
    ends = time.monotonic() + START_TIMEOUT_S
    while (status := _status(f"http://127.0.0.1:{port}{PATH}")) != _OK:
        if status is not None and status not in _NOT_YET:
            raise BenchError(f"{kind.title} answers {status}: see {log}")
        if process.poll() is not None:
            raise BenchError(f"{kind.title} ended as it started: see {log}")
        if time.monotonic() > ends:
            raise BenchError(f"{kind.title} does not answer after {START_TIMEOUT_S:.0f} s: see {log}")
        time.sleep(_POLL_S)


def _status(url: str) -> int | None:
    """The status of the answer to one request; None if there is none."""
    request = urllib.request.Request(  # noqa: S310  # loopback
        url, request_body(["hello"]), {"content-type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return None


def _end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Ask the servers to end, then end what is left of them; a second Ctrl-C has to wait for it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        members = {pid for process in processes for pid in family(process.pid)}
        send(members, signal.SIGCONT)
        send([process.pid for process in processes if process.poll() is None], signal.SIGTERM)
        ends = time.monotonic() + STOP_TIMEOUT_S
        for process in processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, ends - time.monotonic()))
        # What left its session is known from before, what was started meanwhile is found now.
        send(members.union(*(family(process.pid) for process in processes)), signal.SIGKILL)
        for process in processes:
            process.wait()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
