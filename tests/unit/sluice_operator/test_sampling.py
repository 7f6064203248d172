"""Each Prometheus is asked about its own namespaces, and one that is down holds those and no others."""

import asyncio
import re
import threading
import time
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from aiohttp import web
from making import ROLLOUT, spec, status
from waiting import until

from sluice_operator.analysis.comparison import Answer
from sluice_operator.api.status import Phase
from sluice_operator.controller.comparing import Comparing
from sluice_operator.controller.sampling import Sampling
from sluice_operator.prometheus.access import Access, GatewayKind
from sluice_operator.rollout.settings import merge

EMPTY = {"status": "success", "data": {"resultType": "matrix", "result": []}}


class Prometheus:
    """Answers that it has nothing, and remembers what it was asked and by whom."""

    def __init__(self):
        self.asked = []
        self.tenants = []
        self.own_asked = []
        self.down = False
        self.url = ""

    async def query(self, request):
        self.asked.append((await request.post())["query"])
        self.tenants.append(request.headers.get("X-Scope-OrgID"))
        return web.json_response(EMPTY, status=500 if self.down else 200)

    async def query_range(self, request):
        self.own_asked.append((await request.post())["query"])
        return web.json_response(EMPTY)

    @asynccontextmanager
    async def serving(self):
        app = web.Application()
        app.add_routes([web.post("/api/v1/query", self.query), web.post("/api/v1/query_range", self.query_range)])
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
async def sampling(*, shared, own, namespaces=(), versions=None):
    """All of it at work, and how often news came."""
    versions = versions or [version(namespace) for namespace in namespaces]
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


# Versions that are compared


def pair(number):
    """A candidate that is compared, and the stable beside it."""
    gates = [{"name": "errors", "metric": "error-rate", "compare": {}}]
    settings = merge(spec("1", rollout={**ROLLOUT, "analysis": {"gates": gates}}).rollout)
    now = datetime.now(UTC)
    times = {"step_started_at": now - timedelta(seconds=60), "attempt_started_at": now - timedelta(seconds=90)}
    candidate = status(Phase.CANARY, step=0, effective_rollout=settings, **times)
    stable = status(Phase.STABLE, promoted_at=now - timedelta(days=1))
    return [
        {
            "metadata": {"name": f"m{number}-{version}", "namespace": "default", "uid": f"{number}-{version}"},
            "spec": {"model": f"m{number}", "version": version},
            "status": said.model_dump(mode="json", by_alias=True, exclude_none=True),
        }
        for version, said in (("1", stable), ("2", candidate))
    ]


class Counting(Prometheus):
    """Has scraped every version every second, with as many failures as are wanted."""

    def __init__(self, **bad):
        super().__init__()
        self.bad = bad

    async def query(self, request):
        query = (await request.post())["query"]
        self.asked.append(query)
        names = re.search(r'sluice_model=~"([^"]*)"', query)[1].split("|")
        seconds = min(int(re.search(r"\[(\d+)s\]", query)[1]), 200)
        now = int(time.time())
        result = [
            {
                "metric": {
                    "namespace": "default",
                    "sluice_model": model,
                    "sluice_version": version,
                    "pod": "p",
                    "code": code,
                },
                "values": [[at, str(share * 100 * (at - now + 10_000))] for at in range(now - seconds, now)],
            }
            for model in names
            for version in "12"
            for code, share in (("200", 1 - self.bad.get(version, 0.0)), ("500", self.bad.get(version, 0.0)))
        ]
        data = {"resultType": "matrix", "result": result if query.startswith("sluice_requests_total") else []}
        return web.json_response({"status": "success", "data": data})


async def compared(prometheus, *, when):
    """Sampling of two versions until what was told is this."""
    async with sampling(shared=Access(url=prometheus.url), own={}, versions=pair(0)) as (made, told):
        await until(lambda: when(told))
        return made


async def test_a_version_that_is_found_worse_is_told_as_failing_and_what_was_found_can_be_read():
    async with Counting(**{"1": 0.05, "2": 0.5}).serving() as prometheus:
        made = await compared(prometheus, when=lambda told: any(news.failing == (("default", "m0"),) for news in told))

    (found,) = made.found("default").values()
    assert found.compared["errors"].comparison.answer is Answer.WORSE


async def test_a_limit_is_told_while_comparisons_are_folded(monkeypatch):
    """However long that takes."""
    folding, over = threading.Event(), threading.Event()

    def fold(_self, _subjects, _sample):
        folding.set()
        assert over.wait(20)

    monkeypatch.setattr(Comparing, "fold", fold)
    async with Counting(**{"2": 0.5}).serving() as prometheus:
        limited, stable = pair(0)[::-1]
        gates = limited["status"]["effectiveRollout"]["analysis"]["gates"]
        gates[0]["limit"] = {"above": 0.1, "window": "10s", "checks": 1, "minRequests": 1}
        async with sampling(shared=Access(url=prometheus.url), own={}, versions=[limited, stable]) as (_, told):
            try:
                await until(lambda: folding.is_set() and any(news.failing for news in told))
                before = len(told)
                await until(lambda: len(told) > before)
            finally:
                over.set()


QUERY = {"name": "own", "query": {"value": 'drift{version="{{version}}"}'}, "limit": {"above": 3}}


def version_with_a_query(namespace):
    made = version(namespace)
    rollout = {
        "strategy": "Canary",
        "steps": [{"weight": 5, "hold": "1m"}],
        "probation": {"duration": "1m"},
        "readyTimeout": "1m",
        "analysis": {"gates": [QUERY]},
    }
    made["status"] |= {"effectiveRollout": rollout, "inferenceService": "sms-1-0-0-aaaaaaaa"}
    return made


async def test_queries_of_ones_own_are_asked_only_of_a_prometheus_that_allows_them(two):
    shared, own = two
    reached = {"team-a": Access(url=own.url, custom_queries=True)}
    versions = [version_with_a_query(namespace) for namespace in ("team-a", "b")]
    async with sampling(shared=Access(url=shared.url), own=reached, versions=versions) as (made, _):
        await until(lambda: own.own_asked and made.last("b").evidence and made.last("team-a").evidence)
        (theirs,), (others,) = made.last("team-a").evidence.values(), made.last("b").evidence.values()

    assert set(own.own_asked) == {'drift{version="1.0.0"}'}
    assert shared.own_asked == []
    assert theirs.custom is not None
    assert others.custom is None


async def test_the_gateway_is_asked_where_it_is_said_which_one_there_is(two):
    shared, own = two
    reached = {"team-a": Access(url=own.url, gateway=GatewayKind.CONTOUR)}
    versions = [version_with_a_query(namespace) for namespace in ("team-a", "b")]
    async with sampling(shared=Access(url=shared.url), own=reached, versions=versions) as (made, _):
        await until(lambda: made.last("b").evidence and made.last("team-a").evidence)

    assert any("team-a_sms-1-0-0-aaaaaaaa-predictor_80" in query.replace("\\", "") for query in own.asked)
    assert not any("envoy" in query for query in shared.asked)
