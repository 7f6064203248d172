"""Each Prometheus is asked about its own namespaces, and one that is down holds those and no others."""

import asyncio
import time
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from sluice_operator.api.modelversion import Phase
from sluice_operator.controller.sampling import Sampling
from sluice_operator.prometheus.access import Access

EMPTY = {"status": "success", "data": {"resultType": "matrix", "result": []}}


class Prometheus:
    """Answers that it has nothing, and remembers what it was asked and by whom."""

    def __init__(self):
        self.asked = []
        self.tenants = []
        self.down = False
        self.url = ""

    async def query(self, request):
        self.asked.append((await request.post())["query"])
        self.tenants.append(request.headers.get("X-Scope-OrgID"))
        return web.json_response(EMPTY, status=500 if self.down else 200)

    @asynccontextmanager
    async def serving(self):
        app = web.Application()
        app.add_routes([web.post("/api/v1/query", self.query)])
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()


def version(namespace):
    return {
        "metadata": {"name": "sms-1.0.0", "namespace": namespace, "resourceVersion": "1"},
        "spec": {"model": "sms", "version": "1.0.0", "source": {"storageUri": "pvc://m"}},
        "status": {"phase": Phase.CANARY},
    }


@pytest.fixture
async def two():
    async with Prometheus().serving() as shared, Prometheus().serving() as own:
        yield shared, own


@asynccontextmanager
async def sampling(*, shared, own, namespaces):
    """All of it at work, and how often news came."""
    versions = [version(namespace) for namespace in namespaces]
    told = []
    async with aiohttp.ClientSession() as session:
        made = Sampling(
            shared=shared,
            own=own,
            session=session,
            interval=0.02,
            versions=lambda: versions,
            tell=told.append,
            clock=time.time,
        )
        task = asyncio.create_task(made.run())
        try:
            yield made, told
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def until(condition):
    async with asyncio.timeout(20):
        while True:
            if condition():
                return
            await asyncio.sleep(0.01)


async def test_each_is_asked_about_its_own_namespaces_alone(two):
    shared, own = two
    reached = {"team-a": Access(url=own.url)}
    async with sampling(shared=Access(url=shared.url), own=reached, namespaces=("team-a", "b", "c")) as (_, told):
        await until(lambda: shared.asked and own.asked and told)

    assert all('namespace=~"team-a"' in query or 'namespace=~"team\\\\-a"' in query for query in own.asked)
    assert all('namespace=~"b|c"' in query for query in shared.asked)


async def test_one_that_is_down_holds_its_namespaces_and_no_others(two):
    shared, own = two
    own.down = True
    reached = {"team-a": Access(url=own.url)}
    async with sampling(shared=Access(url=shared.url), own=reached, namespaces=("team-a", "b")) as (made, told):
        await until(lambda: made.last("team-a").problem is not None and made.last("b").evidence)
        assert not made.last("team-a").evidence
        assert made.last("b").problem is None
        assert made.last().problem is None
        models = {key for news in told for key in (*news.failing, *news.others)}
    assert ("b", "sms") in models


async def test_those_that_are_reached_in_the_same_way_are_one_and_tenants_are_not(two):
    shared, own = two
    one, other = (Access(url=own.url, headers={"X-Scope-OrgID": name}) for name in ("one", "other"))
    again = Access(url=own.url, headers={"X-Scope-OrgID": "one"})
    reached = {"a": one, "b": again, "c": other}
    async with sampling(shared=Access(url=shared.url), own=reached, namespaces="abc") as (made, _):
        await until(lambda: {"one", "other"} <= set(own.tenants))
        assert made.last("a") is made.last("b")
        assert made.last("a") is not made.last("c")

    for query, tenant in zip(own.asked, own.tenants, strict=True):
        assert ('namespace=~"a|b"' in query) is (tenant == "one")
    assert shared.asked == [], "nothing is asked while nothing is watched"
