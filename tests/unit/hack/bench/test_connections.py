"""A crowd keeps its connections, asks at its own moments, and counts whatever is not answered 200."""

import asyncio

import pytest
from aiohttp import web

from hack.bench.predictor.connections import Crowd

CLIENTS = 20
SECONDS = 2.95
"""Long enough for half of the clients to ask twice, on connections that they kept."""


@pytest.fixture
async def ask():
    """Have a crowd ask a server that answers each request with the next of some statuses, again and again."""
    runners = []

    async def run(*statuses):
        seen = {"requests": 0, "connections": set()}

        async def answer(request):
            seen["connections"].add(request.transport)
            seen["requests"] += 1
            return web.Response(status=statuses[seen["requests"] % len(statuses)])

        app = web.Application()
        app.router.add_post("/predict", answer)
        runners.append(web.AppRunner(app))
        await runners[-1].setup()
        await web.TCPSite(runners[-1], "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runners[-1].addresses[0][1]}/predict"
        outcomes = await Crowd(url, [b"{}"], seconds=SECONDS, clients=CLIENTS).ask()
        return outcomes, seen

    yield run
    for runner in runners:
        await runner.cleanup()


async def test_every_client_asks_once_in_each_interval_on_one_connection(ask):
    outcomes, seen = await ask(200)

    # Those ask twice whose moment is in the first half of the interval of two seconds.
    assert outcomes == {"200": CLIENTS + CLIENTS // 2}
    assert len(seen["connections"]) == CLIENTS


async def test_what_is_not_answered_200_is_counted_by_its_status(ask):
    outcomes, _ = await ask(200, 503, 500)

    assert outcomes == {"200": 10, "503": 10, "500": 10}


async def test_a_server_that_is_not_there_is_an_error_of_every_request():
    async with asyncio.timeout(20):
        outcomes = await Crowd("http://127.0.0.1:9/predict", [b"{}"], seconds=0.1, clients=CLIENTS).ask()

    assert outcomes == {"ClientConnectorError": 1}
