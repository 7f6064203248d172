"""What `helm test` asks: each question, whatever came of those before, and a line for each."""

from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from scripted_api import ScriptedApi, page, refuses, serving

from sluice_operator.controller.check import check
from sluice_operator.prometheus.access import Access
from sluice_operator.prometheus.client import PrometheusClient

MATRIX = {"status": "success", "data": {"resultType": "matrix", "result": []}}


@asynccontextmanager
async def neighbours(*, ready=200, answer=MATRIX, status=200):
    """The operator and Prometheus, on one port."""

    async def readyz(_):
        return web.Response(status=ready)

    async def query(_):
        return web.json_response(answer, status=status)

    app = web.Application()
    app.add_routes([web.get("/readyz", readyz), web.post("/api/v1/query", query)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def checked(api, *, namespaces=(), **told):
    async with serving(api) as gateway, neighbours(**told) as url, aiohttp.ClientSession() as session:
        prometheus = {"Prometheus": PrometheusClient(access=Access(url=url), session=session)}
        return await check(gateway=gateway, prometheus=prometheus, session=session, operator=url, namespaces=namespaces)


async def test_an_installation_that_has_everything_passes(capsys):
    assert await checked(ScriptedApi([page()]))
    assert capsys.readouterr().out.splitlines() == [
        "yes  the API server lists modelversions.sluice.dev",
        "yes  the API server lists rolloutpolicies.sluice.dev",
        "yes  the API server lists rolloutactions.sluice.dev",
        "yes  the API server lists inferenceservices.serving.kserve.io",
        "yes  the API server lists httproutes.gateway.networking.k8s.io",
        "yes  the API server lists pods",
        "yes  the operator is ready",
        "yes  Prometheus answers",
    ]


async def test_where_only_some_namespaces_are_watched_each_of_them_is_asked_for(capsys):
    api = ScriptedApi([page()])

    assert await checked(api, namespaces=("team-a", "team-b"))

    assert {one.path.split("/namespaces/")[1].split("/")[0] for one in api.asked} == {"team-a", "team-b"}
    lines = capsys.readouterr().out.splitlines()
    assert "yes  the API server lists pods of team-b" in lines
    assert len(lines) == 14


async def test_everything_that_is_missing_is_named(capsys):
    error = {"status": "error", "error": "no org id"}

    assert not await checked(ScriptedApi([refuses(404, "no such kind")]), ready=503, answer=error, status=401)

    lines = capsys.readouterr().out.splitlines()
    assert [line[:4] for line in lines] == ["no  "] * 8
    assert "404 no such kind" in lines[0]
    assert lines[6].endswith("the operator is ready: HTTP 503")
    assert "no org id" in lines[7]


@pytest.mark.parametrize(("told", "missing"), [({"ready": 503}, "operator"), ({"status": 400}, "Prometheus")])
async def test_one_fault_is_enough(capsys, told, missing):
    assert not await checked(ScriptedApi([page()]), **told)
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("no")]
    assert missing in line


async def test_nobody_listening_is_not_ready(capsys):
    async with serving(ScriptedApi([page()])) as gateway, neighbours() as url, aiohttp.ClientSession() as session:
        prometheus = {"Prometheus": PrometheusClient(access=Access(url=url), session=session)}
        nowhere = "http://127.0.0.1:9"
        assert not await check(gateway=gateway, prometheus=prometheus, session=session, operator=nowhere)
    assert "no   the operator is ready: " in capsys.readouterr().out
