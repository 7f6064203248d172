"""The client sends at its own pace, tries nothing twice and writes everything down."""

import asyncio
from itertools import repeat

import pytest
from aiohttp import web

from hack.demo.traffic import Target, Traffic


class Server:
    """A model server whose answers a test decides."""

    def __init__(self):
        self.bodies = []
        self.hosts = []
        self.status = 200
        self.headers = {}
        self.release = asyncio.Event()
        self.release.set()

    async def predict(self, request):
        self.bodies.append(await request.json())
        self.hosts.append(request.headers["Host"])
        await self.release.wait()
        headers = {"x-model-version": "1.0.0", **self.headers}
        return web.Response(status=self.status, text="over  there\nit broke", headers=headers)


@pytest.fixture
async def server():
    return Server()


@pytest.fixture
async def url(server, serve):
    yield await serve("/predict", server.predict) + "/predict"
    server.release.set()


async def until(condition):
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 (neither counter has an event)
            await asyncio.sleep(0.01)


def target(url, **changes):
    return Target(**({"url": url, "host": "sms.example", "rate": 500.0} | changes))


async def test_each_request_is_one_message_to_the_models_host(server, url):
    async with Traffic(target(url), iter(["one", "two"])) as traffic:
        traffic.start()
        await traffic.more(2)

    assert sorted(body["instances"][0] for body in server.bodies) == ["one", "two"]
    assert set(server.hosts) == {"sms.example"}


async def test_an_answer_is_recorded_with_its_version_and_its_time(url):
    async with Traffic(target(url), repeat("text")) as traffic:
        answer = await traffic.probe()

    assert (answer.status, answer.version, answer.error, answer.ok) == (200, "1.0.0", "", True)
    assert 0 < answer.latency < 10
    assert answer.answered_at > answer.sent_at


async def test_a_failure_is_recorded_with_what_the_server_said_in_one_line(server, url):
    server.status = 500
    async with Traffic(target(url), repeat("text")) as traffic:
        answer = await traffic.probe()

    assert (answer.status, answer.version, answer.error) == (500, "1.0.0", "over there it broke")
    assert len(server.bodies) == 1


@pytest.mark.parametrize(
    ("headers", "by_gateway"),
    [
        ({}, False),
        ({"server": "envoy"}, True),
        ({"server": "envoy", "x-envoy-upstream-service-time": "4"}, False),
    ],
)
async def test_an_answer_of_the_gateways_own_is_told_from_the_versions(server, url, headers, by_gateway):
    server.status, server.headers = 503, headers
    async with Traffic(target(url), repeat("text")) as traffic:
        answer = await traffic.probe()

    assert (answer.version, answer.by_gateway) == ("1.0.0", by_gateway)


async def test_no_answer_at_all_is_status_zero_from_no_version():
    async with Traffic(target("http://127.0.0.1:1/predict"), repeat("text")) as traffic:
        answer = await traffic.probe()

    assert (answer.status, answer.version) == (0, None)
    assert answer.error


async def test_an_answer_that_takes_too_long_is_a_failure(server, url):
    server.release.clear()
    async with Traffic(target(url, timeout=0.05), repeat("text")) as traffic:
        answer = await traffic.probe()

    assert answer.status == 0
    assert not answer.ok


async def test_slow_answers_do_not_slow_the_sending_down_until_the_bound_is_reached(server, url):
    server.release.clear()
    async with Traffic(target(url, in_flight=5), repeat("text")) as traffic:
        traffic.start()
        await until(lambda: traffic.held_back >= 3 and len(server.bodies) >= 5)
        under_way = len(server.bodies)
        server.release.set()

    assert under_way == 5
    assert len(traffic.answers) >= 5


async def test_it_ends_by_itself_at_its_bound_of_requests(url):
    async with Traffic(target(url, requests=7), repeat("text")) as traffic:
        traffic.start()
        await traffic.more(7)

    assert len(traffic.answers) == 7


async def test_stopping_waits_for_what_is_under_way_and_can_be_repeated(server, url):
    server.release.clear()
    traffic = Traffic(target(url, requests=1), repeat("text"))
    traffic.start()
    await until(lambda: server.bodies)
    stopping = asyncio.create_task(traffic.stop())
    server.release.set()
    await stopping
    await traffic.stop()

    assert [one.status for one in traffic.answers] == [200]
