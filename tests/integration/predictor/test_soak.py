"""Ten minutes of everything at once, good and bad, leave the server as small as they found it; `make soak` runs it."""

import asyncio
import itertools
import json
import statistics
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest

from sluice_predictor.artifact import Artifact
from tests.integration.predictor.memory import resident

SECONDS = 600.0
WARM_UP_SECONDS = 120.0
"""By then every size of batch has been seen, and what the allocators keep is theirs."""

MOST_GROWTH_MB = 20.0
FIGURES = Path(__file__).parents[3] / "build" / "bench" / "soak.json"

V1 = "/v1/models/sms:predict"
V2 = "/v2/models/sms/infer"

Ask = Callable[[aiohttp.ClientSession, int], Awaitable[None]]


def texts(number: int) -> list[str]:
    """One to 16 texts of 1 to 200 words."""
    return [" ".join(f"w{1 + (number * word) % 49}" for word in range(1 + number * 37 % 200))] * (1 + number % 16)


async def ask(session: aiohttp.ClientSession, path: str, body: object) -> int:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with session.post(path, data=data, headers={"content-type": "application/json"}) as response:
        await response.read()
        return response.status


async def valid_v1(session: aiohttp.ClientSession, number: int) -> None:
    assert await ask(session, V1, {"instances": texts(number)}) == 200


async def valid_v2(session: aiohttp.ClientSession, number: int) -> None:
    data = texts(number)
    tensor = {"name": "text", "datatype": "BYTES", "shape": [len(data)], "data": data}
    assert await ask(session, V2, {"inputs": [tensor]}) == 200


async def bad(session: aiohttp.ClientSession, number: int) -> None:
    bodies = (b"{", b'{"instances":[NaN]}', b'{"instances":[1]}', b"[" * 10_000, b'{"instances":["\xff"]}', b"")
    assert await ask(session, V1 if number % 2 else V2, bodies[number % len(bodies)]) == 400


async def oversize(session: aiohttp.ClientSession, _number: int) -> None:
    # Its answer may be lost in what the client still sends.
    try:
        assert await ask(session, V1, b" " * (5 << 20)) == 413
    except aiohttp.ClientConnectionError:
        await session.get("/metrics")


async def cancelled(session: aiohttp.ClientSession, number: int) -> None:
    try:
        async with asyncio.timeout(0.001 * (number % 20)):
            await ask(session, V1, {"instances": texts(number)})
    except TimeoutError:
        return


async def scrape(session: aiohttp.ClientSession, _number: int) -> None:
    async with session.get("/metrics") as response:
        assert response.status == 200
        await response.read()


CLIENTS: tuple[Ask, ...] = (valid_v1, valid_v1, valid_v2, valid_v2, bad, oversize, cancelled, cancelled, scrape)


@pytest.mark.soak
@pytest.mark.timeout(SECONDS + 300)
async def test_ten_minutes_of_mixed_traffic_leave_the_server_as_small_as_it_was(serve, version: Artifact) -> None:
    server = serve(version)
    start = time.monotonic()
    sizes: list[tuple[float, int]] = []

    async def client(ask_once: Ask) -> int:
        async with aiohttp.ClientSession(server.url) as session:
            for number in itertools.count():
                if time.monotonic() - start > SECONDS:
                    return number
                await ask_once(session, number)
        raise AssertionError

    async def watch() -> None:
        while True:
            sizes.append((time.monotonic() - start, resident(server.process.pid)))
            await asyncio.sleep(1)

    watching = asyncio.create_task(watch())
    asked = await asyncio.gather(*map(client, CLIENTS))
    watching.cancel()

    warm = [size for at, size in sizes if WARM_UP_SECONDS <= at < WARM_UP_SECONDS + 30]
    last = [size for at, size in sizes if at >= SECONDS - 30]
    growth_mb = (statistics.median(last) - statistics.median(warm)) / 1e6
    FIGURES.parent.mkdir(parents=True, exist_ok=True)
    FIGURES.write_text(json.dumps({"soak_growth_mb": round(growth_mb, 1)}) + "\n")
    assert min(asked) > 100
    assert growth_mb < MOST_GROWTH_MB
