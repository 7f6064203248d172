"""Ten minutes of everything at once, good and bad, leave the server as small as they found it; `make soak` runs it."""

import asyncio
import itertools
import json
import statistics
import time
from pathlib import Path

import aiohttp
import grpc
import pytest
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceStub

from tests.integration.predictor.conftest import free_port
from tests.integration.predictor.memory import processes, resident
from tests.integration.predictor.mixture import CLIENTS, DEADLINE_SECONDS, Client, Connections

WARM_UP_SECONDS = 240.0
"""By then each thread has seen every size of batch, also on a slow machine, and what the allocators keep is theirs."""
SECONDS = 600.0
"""How long the mixture then goes on."""
WINDOW_SECONDS = 60.0
"""Memory goes up and down with what is in flight: what is compared is its median over so long."""

MOST_GROWTH = 20 << 20
FIGURES = Path(__file__).parents[3] / "build" / "bench" / "predictor-soak.json"


class Ledger:
    """What each of a server's processes held, second by second."""

    def __init__(self, pids: dict[str, int]) -> None:
        self.started = time.monotonic()
        self.sizes: dict[str, list[tuple[float, int]]] = {name: [] for name in pids}
        self._pids = pids

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    async def keep(self) -> None:
        while True:
            for name, pid in self._pids.items():
                self.sizes[name].append((self.seconds, resident(pid)))
            await asyncio.sleep(1)

    def growth(self) -> dict[str, float]:
        """Bytes by which each process grew from the end of the warm-up to the end."""
        first, last = WARM_UP_SECONDS, WARM_UP_SECONDS + SECONDS - WINDOW_SECONDS
        return {name: self._typical(name, last) - self._typical(name, first) for name in self.sizes}

    def _typical(self, name: str, start: float) -> float:
        return statistics.median(size for at, size in self.sizes[name] if start <= at < start + WINDOW_SECONDS)


@pytest.mark.soak
@pytest.mark.timeout(WARM_UP_SECONDS + SECONDS + 300)
async def test_ten_minutes_of_mixed_traffic_leave_the_server_as_small_as_it_was(serve, make, tmp_path) -> None:
    version = make(tmp_path / "1.0.0", hidden=128, layers=4)
    # Nobody takes the events: so many wait as may, and the others are dropped. And no request is too slow.
    nowhere = f"http://127.0.0.1:{free_port()}/"
    server = serve(version, f"--prediction_events={nowhere}", f"--request_timeout_seconds={DEADLINE_SECONDS}")
    here, engine = processes(server.process.pid)
    ledger = Ledger({"server": here, "engine": engine})

    async def run(client: Client) -> int:
        patience = aiohttp.ClientTimeout(total=DEADLINE_SECONDS)
        async with (
            aiohttp.ClientSession(server.url, timeout=patience) as http,
            grpc.aio.insecure_channel(server.grpc) as channel,
        ):
            to = Connections(http=http, grpc=GRPCInferenceServiceStub(channel))
            for number in itertools.count():
                if ledger.seconds > WARM_UP_SECONDS + SECONDS:
                    return number
                await client(to, number)
        raise AssertionError

    async with asyncio.TaskGroup() as group:
        keeping = group.create_task(ledger.keep())
        async with asyncio.TaskGroup() as clients:
            asking = [clients.create_task(run(client)) for client in CLIENTS]
        keeping.cancel()

    asked = [task.result() for task in asking]
    grown = ledger.growth()
    write_figures(grown, requests=sum(asked), sizes=ledger.sizes)
    assert processes(server.process.pid) == [here, engine], "the engine was replaced"
    assert min(asked) > 100
    assert sum(grown.values()) < MOST_GROWTH, f"bytes of growth: {grown}"


def write_figures(grown: dict[str, float], *, requests: int, sizes: dict[str, list[tuple[float, int]]]) -> None:
    """Leave what was seen for the benchmark's table, and each process' curve for whoever has to find a leak."""
    figures = {"soak_growth_mb": round(sum(grown.values()) / 1e6, 1)}
    details = {
        "requests": requests,
        "growth_mb": {name: round(size / 1e6, 1) for name, size in grown.items()},
        "resident_mb": {name: [round(size / 1e6) for _, size in curve[::10]] for name, curve in sizes.items()},
    }
    FIGURES.parent.mkdir(parents=True, exist_ok=True)
    FIGURES.write_text(json.dumps({"figures": figures, **details}) + "\n")
