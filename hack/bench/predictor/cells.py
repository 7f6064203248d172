"""One cell of the table: the servers one after the other, again and again, so that slow drifts meet them all alike.

A run in which others used much of the machine is repeated a few times; the least disturbed one counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hack.bench.predictor.processes import wait_until_quiet
from hack.bench.predictor.results import Load, Row, merge
from hack.bench.predictor.running import Running
from hack.bench.predictor.vegeta import Shape, Vegeta

FOREIGN_LIMIT = 0.15
"""CPU, in cores, that others may use during a run; the cluster of the demo idles at 0.08."""
TRIES = 3
QUIET_WAIT_S = 20.0


@dataclass(frozen=True, slots=True)
class Bench:
    """How cells are measured.

    Attributes:
        generator: Asks the servers.
        repeats: How often each server is asked.
        announce: Told of each run in a line, as it starts.
        quiet_wait_s: Longest wait for others to be quiet, before each run.
    """

    generator: Vegeta
    repeats: int
    announce: Callable[[str], None]
    quiet_wait_s: float = QUIET_WAIT_S

    def cell(self, name: str, servers: Sequence[Running], *, bodies: Sequence[bytes], shape: Shape) -> list[Row]:
        """Measure the servers, a row for each.

        Raises:
            BenchError: The generator failed.
        """
        loads: dict[str, list[Load]] = {server.kind.key: [] for server in servers}
        memory = dict.fromkeys(loads, 0.0)
        for repeat in range(self.repeats):
            for server in servers:
                key = server.kind.key
                self.announce(f"{name}: {server.kind.title}, {repeat + 1} of {self.repeats}")
                loads[key].append(self._load(server, bodies=bodies, shape=shape))
                memory[key] = max(memory[key], server.rss_mb())
        return [
            merge(
                loads[server.kind.key],
                cell=name,
                server=server.kind.key,
                rss_mb=memory[server.kind.key],
                start_to_ready_s=server.start_to_ready_s,
                offered_per_s=shape.rate,
            )
            for server in servers
        ]

    def _load(self, server: Running, *, bodies: Sequence[bytes], shape: Shape) -> Load:
        tries: list[Load] = []
        while len(tries) < TRIES:
            wait_until_quiet(limit=FOREIGN_LIMIT, longest=self.quiet_wait_s)
            tries.append(self.generator.load(server, bodies=bodies, shape=shape))
            if tries[-1].foreign < FOREIGN_LIMIT:
                break
        return min(tries, key=lambda load: load.foreign)
