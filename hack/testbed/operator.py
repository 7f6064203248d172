"""The operator as a process of its own: started, killed, measured."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

from hack.testbed.controlplane import RELEASE_NAMESPACE, free_port

GATEWAY = {"name": "gateway", "namespace": "gateways"}
_HZ = os.sysconf("SC_CLK_TCK")
_START_SECONDS, _STOP_SECONDS = 30.0, 30.0
_POLL_SECONDS = 0.05
_STATM_RESIDENT = 1
_ON_PORT = """
import sys
from sluice_operator.__main__ import main
from sluice_operator.controller import ledger_endpoint, probes
probes.PORT, ledger_endpoint.PORT = map(int, sys.argv[1:3])
main()
"""
_ON_A_CLOCK = """
import datetime, sys
from sluice_operator.controller import manager, workers
class Clock(datetime.datetime):
    @classmethod
    def now(cls, zone=None):
        with open(sys.argv[3]) as file:
            return datetime.datetime.now(zone) + datetime.timedelta(seconds=float(file.read()))
manager.datetime = workers.datetime = Clock
"""
"""The wall clock of the parts that read it, wrong by what a file says at that moment."""


class Operator:
    """One operator; it may be started as often as it was ended.

    Args:
        kubeconfig: Whom it is to the API server, and where that is.
        prometheus: URL of the Prometheus.
        log: What it prints is added to this file, and the record is beside it.
        interval: Seconds between two samples.
        name: Of its pod, by which it holds the lease: its next life has it at once, another operator after a while.
        settings: Further settings, by the names of their environment variables.
    """

    def __init__(
        self,
        *,
        kubeconfig: Path,
        prometheus: str,
        log: Path,
        interval: float = 1.0,
        name: str = "operator-0",
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.port, self.ledger_port = free_port(), free_port()
        installation = (settings or {}).get("SLUICE_NAMESPACE", RELEASE_NAMESPACE)
        self.ledger = log.with_name(f"ledger-{installation}.db")
        """The file of the record, which operators of one installation share."""
        self._log = log
        self._clock: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._asked_to_end = False
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("SLUICE_", "KUBERNETES_"))},
            "KUBECONFIG": str(kubeconfig),
            "SLUICE_PROMETHEUS_URL": prometheus,
            "SLUICE_INTERVAL": str(interval),
            "SLUICE_GATEWAY_NAME": GATEWAY["name"],
            "SLUICE_GATEWAY_NAMESPACE": GATEWAY["namespace"],
            "SLUICE_DOMAIN": "sluice.local",
            "SLUICE_NAMESPACE": RELEASE_NAMESPACE,
            "SLUICE_ACTS_ADMITTED": "true",
            "SLUICE_POD_NAME": name,
            "SLUICE_LEDGER_URL": f"sqlite:///{self.ledger}",
            **(settings or {}),
        }

    @contextlib.contextmanager
    def running(self) -> Iterator["Operator"]:
        """Have it while the block runs, or for as long as the block leaves it alive."""
        self.start()
        try:
            yield self
        finally:
            self.kill()

    def start(self) -> None:
        """Start it; it may not be at work for a second or two."""
        self._asked_to_end = False
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                # Nothing of it outlives us, even when we are killed.
                ["setpriv", "--pdeathsig", "KILL", sys.executable, "-c", *self._program()],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _program(self) -> list[str]:
        ports = [str(self.port), str(self.ledger_port)]
        if self._clock is None:
            return [_ON_PORT, *ports]
        return [_ON_A_CLOCK + _ON_PORT, *ports, str(self._clock)]

    def has_clock(self, file: Path) -> None:
        """Have a wall clock of its own from its next start on, right at first."""
        self._clock = file
        self.set_clock(0)

    def set_clock(self, seconds: float) -> None:
        """Let its wall clock be wrong by so many seconds from now on, as a step of the machine's would make it."""
        assert self._clock is not None  # noqa: S101 - whoever calls this has given it one
        new = self._clock.with_suffix(".new")
        new.write_text(str(seconds))
        new.replace(self._clock)

    def pause(self) -> None:
        """Stop it in the middle of whatever it does, unnoticed by itself."""
        os.kill(self._pid(), signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on from there."""
        os.kill(self._pid(), signal.SIGCONT)

    async def until_running(self) -> None:
        """Wait until it answers, whether it leads or not."""
        async with asyncio.timeout(_START_SECONDS):
            while not await asyncio.to_thread(self.metrics):  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(_POLL_SECONDS)

    async def kept(self) -> None:
        """Start it anew whenever it ends by itself, as a kubelet would."""
        while True:
            if self._process is not None and self._process.poll() is not None and not self._asked_to_end:
                self.start()
            await asyncio.sleep(_POLL_SECONDS)

    def kill(self) -> None:
        """End it as a machine that fails would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> int:
        """Ask it to end; returns its exit status."""
        assert self._process is not None  # noqa: S101 - whoever calls this has started it
        self._asked_to_end = True
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(timeout=_STOP_SECONDS)

    def log(self) -> str:
        """All that it has printed, its former lives included."""
        return self._log.read_text(errors="replace")

    def is_ready(self) -> bool:
        """Whether its readiness probe is answered."""
        return self._answer("readyz") is not None

    def metrics(self) -> dict[str, float]:
        """The samples of its metrics by their series as Prometheus writes them; none while it does not answer."""
        lines = (line.rpartition(" ") for line in (self._answer("metrics") or "").splitlines() if line[0] != "#")
        return {series: float(value) for series, _, value in lines}

    def cpu_seconds(self) -> float:
        """CPU time that its present life has used."""
        fields = Path(f"/proc/{self._pid()}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _HZ

    def resident_mb(self) -> float:
        """Memory that its present life has resident."""
        pages = int(Path(f"/proc/{self._pid()}/statm").read_text().split()[_STATM_RESIDENT])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def _pid(self) -> int:
        assert self._process is not None  # noqa: S101 - whoever calls this has started it
        return self._process.pid

    def _answer(self, path: str) -> str | None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/{path}", timeout=5) as answer:
                return str(answer.read().decode())
        except (urllib.error.URLError, OSError):
            return None
