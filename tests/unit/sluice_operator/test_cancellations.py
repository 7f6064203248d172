"""Who is told to end ends, also where a request runs out of time at the same moment.

That is what happens to an operator that was paused: it wakes up, every wait is over at once, and the lease is lost.
"""

import asyncio
import time
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from scripted_api import WIDGETS, ScriptedApi, serving

from sluice_operator.api.preflight import Preflight
from sluice_operator.controller import preflight_pod
from sluice_operator.kube import gateway as gateway_module
from sluice_operator.prometheus.access import Access
from sluice_operator.prometheus.client import PrometheusClient

SECONDS = 0.2


class Silent:
    """What begins an answer, or does not even do that, and tells when it was asked."""

    def __init__(self, *, begins):
        self._begins = begins
        self.asked = asyncio.Event()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        if self._begins:
            await response.prepare(request)
            await response.write(b"{")
        self.asked.set()
        await asyncio.Event().wait()
        return response


@asynccontextmanager
async def listening(answer):
    app = web.Application()
    app.router.add_route("*", "/{any:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with aiohttp.ClientSession() as session:
            yield session, f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def ended(request, silent):
    """Whether a request ends that is told to in the moment in which it runs out of time."""
    task = asyncio.create_task(request)
    await silent.asked.wait()
    await asyncio.sleep(SECONDS / 4)  # what was answered so far arrives
    time.sleep(SECONDS)  # noqa: ASYNC251 - the process is paused, and nothing of it goes on
    asyncio.get_running_loop().call_soon(task.cancel)
    await asyncio.wait([task], timeout=5)
    return task.cancelled()


@pytest.fixture(params=[False, True], ids=["no answer", "half an answer"])
def silent(request):
    return Silent(begins=request.param)


async def test_a_write_to_the_api_server(silent, monkeypatch):
    monkeypatch.setitem(gateway_module.Gateway._request.__kwdefaults__, "seconds", SECONDS)
    async with serving(ScriptedApi([silent.answer])) as gateway:
        write = gateway.create(WIDGETS, namespace="default", body={"metadata": {"name": "a"}})

        assert await ended(write, silent)


async def test_a_question_to_prometheus(silent):
    async with listening(silent.answer) as (session, url):
        client = PrometheusClient(access=Access(url=url), session=session, timeout=SECONDS)

        assert await ended(client.matrix("up[5s]", at=0.0), silent)


async def test_a_pod_in_preflight(silent, monkeypatch):
    monkeypatch.setattr(preflight_pod, "_REQUEST_SECONDS", SECONDS)
    questions = preflight_pod.Questions(model="sms", version="1.1.0", digest=None, settings=Preflight())
    async with listening(silent.answer) as (session, url):
        pod = preflight_pod.Pod(url, session=session, there=lambda: True, trouble=lambda _: None)

        assert await ended(pod.answer(questions), silent)
