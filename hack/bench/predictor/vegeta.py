"""Load by vegeta: a closed loop of so many clients, or an open loop at a fixed rate; always for a given time."""

from __future__ import annotations

import base64
import dataclasses
import json
import os
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hack.bench.errors import BenchError
from hack.bench.predictor.processes import Window
from hack.bench.predictor.results import Load, read_hits, scheduled, summarise
from hack.bench.predictor.running import Running

TIMEOUT_S = 30
IN_FLIGHT = 1024
"""Most requests under way in an open loop, and so most connections: twice what our queue holds before it refuses."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How to ask: `clients` at once if it is given, else `rate` requests a second whatever the answers."""

    seconds: float
    clients: int | None = None
    rate: float | None = None

    def words(self) -> list[str]:
        """Return the arguments of `vegeta attack`."""
        if self.clients is not None:
            return ["-rate", "0", "-workers", str(self.clients), "-max-workers", str(self.clients)]
        return ["-rate", f"{round(60 * (self.rate or 0))}/1m", "-workers", "64", "-max-workers", str(IN_FLIGHT)]


@dataclass(frozen=True, slots=True)
class Vegeta:
    """The generator.

    Attributes:
        program: Where it was built.
        directory: Where its files go.
    """

    program: Path
    directory: Path

    def load(self, server: Running, *, bodies: Sequence[bytes], shape: Shape) -> Load:
        """Ask a server; its bodies one after the other, again and again.

        Raises:
            BenchError: The generator failed, or had not a single answer.
        """
        targets = self._targets(server.url, bodies)
        results = self.directory / "results.bin"
        words: list[str | Path] = ["attack", "-format", "json", "-targets", targets, "-output", results]
        limits = ["-duration", f"{shape.seconds}s", "-timeout", f"{TIMEOUT_S}s", "-max-body", "0"]
        before, generator_before = server.cpu_seconds(), _children_seconds()
        with Window(server.pids) as window:
            self._run([*words, *shape.words(), *limits, "-http2=false", "-redirects", "-1"])
        served, generated = server.cpu_seconds() - before, _children_seconds() - generator_before
        hits = read_hits(self._run(["encode", "-to", "csv", results]).splitlines())
        if not hits:
            raise BenchError(f"{server.kind.title}: the load generator sent nothing")
        if shape.rate is not None:
            hits = scheduled(hits, rate=shape.rate)
        return dataclasses.replace(
            summarise(hits),
            cpu_ms=served / len(hits) * 1000,
            generator_cpu_ms=generated / len(hits) * 1000,
            foreign=window.foreign,
        )

    def _targets(self, url: str, bodies: Iterable[bytes]) -> Path:
        self.directory.mkdir(parents=True, exist_ok=True)
        path = self.directory / "targets.json"
        header = {"content-type": ["application/json"]}
        lines = (
            json.dumps({"method": "POST", "url": url, "header": header, "body": base64.b64encode(body).decode()})
            for body in bodies
        )
        path.write_text("".join(line + "\n" for line in lines))
        return path

    def _run(self, words: Sequence[str | Path]) -> str:
        # One core is enough for it, and with more its idle threads would spin on those of the server.
        env = {**os.environ, "GOMAXPROCS": "1"}
        process = subprocess.Popen(
            [self.program, *words], env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        try:
            printed, said = process.communicate()
        finally:
            process.kill()
            process.wait()
        if process.returncode != 0:
            raise BenchError(f"vegeta {words[0]}: {said.strip()[:300]}")
        return printed


def _children_seconds() -> float:
    times = os.times()
    return times.children_user + times.children_system
