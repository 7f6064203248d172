"""Only a whole answer of Prometheus counts; the sampler asks two questions, and only while something is watched."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from sluice_operator.prometheus.client import PrometheusClient, PrometheusError
from sluice_operator.prometheus.predictor import Target
from sluice_operator.prometheus.sampler import Sampler

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def prometheus(answer: Answer, *, patience: float = 2.0) -> AsyncIterator[PrometheusClient]:
    app = web.Application()
    app.router.add_post("/api/v1/query", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        async with aiohttp.ClientSession() as session:
            yield PrometheusClient(url=f"http://127.0.0.1:{port}/", session=session, timeout=patience)
    finally:
        await runner.cleanup()


def matrix(*series, **fields):
    return {"status": "success", "data": {"resultType": "matrix", "result": list(series)}, **fields}


def always(body, *, status=200, kind="application/json"):
    text = body if isinstance(body, str) else json.dumps(body)

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=text, status=status, content_type=kind)

    return answer


async def test_raw_samples_are_read_with_the_times_they_were_scraped_at():
    asked = {}

    async def answer(request: web.Request) -> web.Response:
        asked.update(await request.post())
        return web.json_response(matrix({"metric": {"pod": "p"}, "values": [[1.5, "10"], [6.5, "NaN"]]}))

    async with prometheus(answer) as client:
        (series,) = await client.matrix("up[1m]", at=1700000000.25)

    assert asked == {"query": "up[1m]", "time": "1700000000.250"}
    assert series.labels == {"pod": "p"}
    assert series.samples[0] == (1.5, 10.0)
    assert series.samples[1][1] != series.samples[1][1], "NaN is passed on as it is; counting leaves it out"


async def test_no_series_is_an_answer_too():
    async with prometheus(always(matrix())) as client:
        assert await client.matrix("up[1m]", at=0) == []


@pytest.mark.parametrize(
    "answer",
    [
        always({"status": "error", "error": "query timed out"}, status=503),
        always("<html>bad gateway</html>", status=502, kind="text/html"),
        always("", status=200),
        always("null"),
        always([]),
        always({"status": "success", "data": {"resultType": "vector", "result": []}}),
        always({"status": "success", "data": {"resultType": "matrix", "result": [{"metric": {}}]}}),
        always(matrix({"metric": {}, "values": [["soon", "many"]]})),
        always(matrix(warnings=["store unreachable"])),
        always(matrix(), status=500),
    ],
    ids=["error", "html", "empty", "null", "list", "vector", "no-values", "no-numbers", "partial", "500"],
)
async def test_anything_but_a_whole_answer_is_an_error(answer):
    async with prometheus(answer) as client:
        with pytest.raises(PrometheusError):
            await client.matrix("up[1m]", at=0)


async def test_what_a_proxy_in_between_answers_is_told_by_its_status():
    async with prometheus(always("<html>bad gateway</html>", status=502, kind="text/html")) as client:
        with pytest.raises(PrometheusError, match="HTTP 502 with an answer that is not JSON"):
            await client.matrix("up[1m]", at=0)


async def test_an_answer_that_does_not_come_is_not_waited_for():
    over = asyncio.Event()

    async def late(_: web.Request) -> web.Response:
        await over.wait()
        return web.Response()

    async with prometheus(late, patience=0.05) as client, asyncio.timeout(5):
        with pytest.raises(PrometheusError, match="Timeout"):
            await client.matrix("up[1m]", at=0)
        over.set()


async def test_one_failure_is_asked_again():
    answers = [always("<html>", status=502), always(matrix())]

    async def answer(request: web.Request) -> web.StreamResponse:
        return await answers.pop(0)(request)

    async with prometheus(answer) as client:
        assert await client.matrix("up[1m]", at=0) == []
    assert answers == []


async def test_nobody_listening_is_an_error():
    async with aiohttp.ClientSession() as session:
        client = PrometheusClient(url="http://127.0.0.1:9", session=session)
        with pytest.raises(PrometheusError):
            await client.matrix("up[1m]", at=0)


# The sampler


class Recorded:
    """A client that remembers what it was asked."""

    def __init__(self, *, fails: bool = False) -> None:
        self.asked: list[str] = []
        self._fails = fails

    async def matrix(self, query: str, *, at: float) -> list[object]:
        del at
        self.asked.append(query)
        if self._fails:
            raise PrometheusError("connection refused")
        return []


async def sampled(client, watched, *, answers):
    """Run a sampler for some answers; it is given back."""
    done = asyncio.Event()
    count = 0

    def answered() -> None:
        nonlocal count
        count += 1
        if count >= answers:
            done.set()

    sampler = Sampler(client=client, interval=5, watched=lambda: watched, answered=answered, clock=lambda: 1000.0)
    task = asyncio.create_task(sampler.run())
    try:
        async with asyncio.timeout(100):
            await done.wait()
    except TimeoutError:
        pass
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    return sampler


@pytest.mark.looptime
async def test_nothing_is_asked_while_nothing_is_watched(looptime):
    client = Recorded()
    await sampled(client, {}, answers=1)

    assert client.asked == []
    assert looptime == 100


@pytest.mark.looptime
@pytest.mark.parametrize("rollouts", [1, 40])
async def test_two_questions_an_interval_however_many_rollouts(looptime, rollouts):
    client = Recorded()
    watched = {Target("ns", f"m{n}", "1"): 60.0 for n in range(rollouts)}
    await sampled(client, watched, answers=4)

    assert len(client.asked) == 8
    assert looptime == 15


@pytest.mark.looptime
async def test_the_longest_window_is_fetched_with_a_minute_before_it():
    client = Recorded()
    sampler = await sampled(client, {Target("ns", "a", "1"): 60.0, Target("ns", "b", "1"): 300.0}, answers=1)

    assert all(query.endswith("[360s]") for query in client.asked)
    assert {seen.errors.since for seen in sampler.last.evidence.values()} == {640.0}


@pytest.mark.looptime
async def test_without_an_answer_the_evidence_is_gone_and_the_reason_is_kept():
    sampler = await sampled(Recorded(fails=True), {Target("ns", "a", "1"): 60.0}, answers=1)

    assert sampler.last.evidence == {}
    assert sampler.last.problem == "connection refused"
