"""One cell of the table: the servers one after the other, again and again, so that slow drifts meet them all alike.

Before each run the server is asked in the same way for a moment that does not count. A run in which others used much of
the machine is repeated, while there is patience left; the least disturbed one counts.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hack.bench.predictor.processes import wait_until_quiet
from hack.bench.predictor.results import Load, Row, merge
from hack.bench.predictor.running import Running
from hack.bench.predictor.vegeta import Shape, Vegeta

FOREIGN_LIMIT = 0.15
"""CPU, in cores, that others may use during a run; the cluster of the demo idles at 0.08."""
TRIES = 3
SETTLE_CLIENTS = 8
OVERHEAD_S = 1.5
"""What a run takes beside the load: to look whether others are quiet, and to read the results."""


@dataclass(slots=True)
class Patience:
    """How long a whole run may still wait for others, or repeat what they disturbed, in seconds."""

    left: float

    def wait(self) -> None:
        """Wait until others are quiet."""
        began = time.monotonic()
        if not wait_until_quiet(limit=FOREIGN_LIMIT, longest=self.left) or time.monotonic() - began > OVERHEAD_S:
            self.spend(began)

    def spend(self, began: float) -> None:
        """Take off what has passed since a moment of the monotonic clock."""
        self.left = max(0.0, self.left - (time.monotonic() - began))


@dataclass(frozen=True, slots=True)
class Bench:
    """How cells are measured.

    Attributes:
        generator: Asks the servers.
        bodies: What they are asked.
        repeats: How often each server is asked.
        settle: Seconds of load before each run that do not count.
        begin: Told of each run: a line, and the seconds it takes.
        patience: With others on this machine.
    """

    generator: Vegeta
    bodies: Sequence[bytes]
    repeats: int
    settle: float
    begin: Callable[[str, float], None]
    patience: Patience

    def seconds(self, shape_seconds: float) -> float:
        """Return how long one run of a server takes."""
        return self.settle + shape_seconds + OVERHEAD_S

    def cell(self, name: str, servers: Sequence[Running], shape: Shape) -> list[Row]:
        """Measure the servers, a row for each.

        Raises:
            BenchError: The generator failed.
        """
        loads: dict[str, list[Load]] = {server.kind.key: [] for server in servers}
        memory = dict.fromkeys(loads, 0.0)
        for repeat in range(self.repeats):
            for server in servers:
                key = server.kind.key
                self.begin(f"{name}: {server.kind.title}, {repeat + 1} of {self.repeats}", self.seconds(shape.seconds))
                loads[key].append(self._load(server, shape))
                memory[key] = max(memory[key], server.rss_mb())
        return [
            merge(loads[key], cell=name, server=key, rss_mb=memory[key], offered_per_s=shape.rate)
            for key in (server.kind.key for server in servers)
        ]

    def warm(self, server: Running, seconds: float) -> None:
        """Ask a server for a while, and forget what it took."""
        with server.awake():
            self.generator.load(server, bodies=self.bodies, shape=Shape(seconds, clients=SETTLE_CLIENTS))

    def _load(self, server: Running, shape: Shape) -> Load:
        settling = dataclasses.replace(shape, seconds=self.settle, clients=shape.clients or SETTLE_CLIENTS, rate=None)
        tries: list[Load] = []
        while len(tries) < TRIES:
            self.patience.wait()
            began = time.monotonic()
            with server.awake():
                self.generator.load(server, bodies=self.bodies, shape=settling)
                tries.append(self.generator.load(server, bodies=self.bodies, shape=shape))
            if tries[-1].foreign < FOREIGN_LIMIT or not self.patience.left:
                break
            self.patience.spend(began)
        return min(tries, key=lambda load: load.foreign)
