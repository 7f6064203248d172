"""Of several processes one acts; each is ready; who loses the lease ends, who is told to stop gives it up."""

import asyncio
import gc
import json
import logging
import socket
import warnings
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from kubernetes.aio.client import ApiClient, Configuration
from prometheus_client.parser import text_string_to_metric_families

from sluice_operator import __main__ as entry
from sluice_operator.controller import ledger_endpoint, probes
from sluice_operator.controller.manager import Manager
from sluice_operator.controller.settings import Settings
from sluice_operator.kube import lease
from sluice_operator.kube.lease import LeaseLostError

VERSION = {
    "apiVersion": "sluice.dev/v1alpha1",
    "kind": "ModelVersion",
    "metadata": {
        "name": "sms-1.0.0",
        "namespace": "default",
        "uid": "u",
        "generation": 1,
        "resourceVersion": "5",
        "creationTimestamp": "2026-01-01T12:00:00Z",
    },
    "spec": {"model": "sms", "version": "1.0.0", "source": {"storageUri": "pvc://models/1.0.0"}},
}


class ApiServer:
    """One ModelVersion, one Lease, and nothing else; what is written is remembered, not done."""

    def __init__(self):
        self.lease = None
        self.writes = []
        self.leases_fail = False
        self.over = asyncio.Event()
        self.looking = set()
        self.host = ""

    async def handle(self, request):
        if "/leases" in request.path:
            return await self.handle_lease(request)
        if request.method != "GET":
            self.writes.append((request.method, request.path))
            return web.json_response({"metadata": {}}, status=503)
        if "watch" in request.query:
            response = web.StreamResponse()
            await response.prepare(request)
            await self.over.wait()
            return response
        items = [VERSION] if request.path.endswith("/modelversions") else []
        return web.json_response({"metadata": {"resourceVersion": "9"}, "items": items})

    async def handle_lease(self, request):
        if self.leases_fail:
            return web.json_response({"message": "etcd is away"}, status=500)
        if request.method == "GET":
            return web.json_response(self.lease) if self.lease else web.json_response({"message": "no"}, status=404)
        body = await request.json()
        before = self.lease["metadata"]["resourceVersion"] if self.lease else "0"
        if body["metadata"].get("resourceVersion", "0") != before:
            return web.json_response({"message": "changed"}, status=409)
        body["metadata"]["resourceVersion"] = str(int(before) + 1)
        self.lease = body
        return web.json_response(body)

    @property
    def holder(self):
        return self.lease["spec"]["holderIdentity"] if self.lease else None


@pytest.fixture
async def api():
    server = ApiServer()
    app = web.Application()
    app.router.add_route("*", "/{any:.*}", server.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.host = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield server
    server.over.set()
    await runner.cleanup()


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(lease, "_RENEW_SECONDS", 0.05)
    monkeypatch.setattr(lease, "_AGAIN_SECONDS", 0.05)


@pytest.fixture(autouse=True)
def collected():
    """What aiohttp leaves behind when connecting is cancelled is not laid at another test's door."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


async def until(condition):
    async with asyncio.timeout(30):
        while True:
            if condition():
                return
            await asyncio.sleep(0.01)


class Process:
    """An operator in this process, under a name of its own."""

    def __init__(self, name, session):
        self.stop = asyncio.Event()
        self.task = None
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.name = name
        self.session = session

    async def ask(self, path):
        async with self.session.get(f"http://127.0.0.1:{self.port}/{path}") as answer:
            return answer.status, await answer.text()

    async def metric(self, name):
        _, text = await self.ask("metrics")
        return sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name
        )

    async def until_ready(self):
        async with asyncio.timeout(30):
            while True:
                try:
                    if (await self.ask("readyz"))[0] == 200:
                        return
                except aiohttp.ClientConnectionError:
                    pass
                await asyncio.sleep(0.01)


@asynccontextmanager
async def process(api, name, monkeypatch):
    settings = Settings(
        prometheus_url="http://127.0.0.1:9",
        gateway_name="contour",
        gateway_namespace="projectcontour",
        domain="sluice.local",
        namespace="sluice-system",
        pod_name=name,
    )
    async with ApiClient(Configuration(host=api.host)) as client, aiohttp.ClientSession() as session:
        made = Process(name, session)
        monkeypatch.setattr(probes, "PORT", made.port)
        monkeypatch.setattr(ledger_endpoint, "PORT", 0)
        made.task = asyncio.create_task(Manager(settings=settings, api=client, session=session).run(made.stop))
        try:
            await made.until_ready()
            yield made
        finally:
            made.task.cancel()
            await asyncio.gather(made.task, return_exceptions=True)


@asynccontextmanager
async def led_by_a(api, monkeypatch):
    async with process(api, "a", monkeypatch) as made:
        await until(lambda: api.holder == "a")
        yield made


async def test_one_leads_and_acts_another_is_ready_and_waits(api, monkeypatch):
    async with process(api, "a", monkeypatch) as leader:
        await until(lambda: api.writes)
        async with process(api, "b", monkeypatch) as follower:
            assert api.holder == "a"
            assert await leader.metric("leader_election_master_status") == 1
            assert await follower.metric("leader_election_master_status") == 0
            for one in (leader, follower):
                assert (await one.ask("healthz"))[0] == 200
                assert (await one.ask("readyz"))[0] == 200
            assert await follower.metric("controller_runtime_reconcile_total") == 0
            assert await follower.metric("workqueue_adds_total") == 0
            assert await follower.metric("rest_client_requests_total") > 4, "it follows all the same"


async def test_who_stops_gives_the_lease_up_and_the_other_looks_at_every_model(api, monkeypatch):
    async with led_by_a(api, monkeypatch) as first, process(api, "b", monkeypatch) as second:
        first.stop.set()
        await first.task
        assert api.holder in ("", "b")
        api.writes.clear()
        await until(lambda: api.holder == "b")
        await until(lambda: api.writes)
        assert await second.metric("controller_runtime_reconcile_total") >= 1


async def test_who_follows_stops_at_once_and_leaves_the_lease_alone(api, monkeypatch):
    async with led_by_a(api, monkeypatch), process(api, "b", monkeypatch) as follower:
        follower.stop.set()
        await follower.task
        assert api.holder == "a"


async def test_who_loses_the_lease_ends_and_writes_nothing_more(api, monkeypatch):
    monkeypatch.setattr(lease, "RENEW_DEADLINE", 0.5)
    async with process(api, "a", monkeypatch) as leader:
        await until(lambda: api.writes)
        api.leases_fail = True
        with pytest.raises(ExceptionGroup) as caught:
            await leader.task
        assert caught.group_contains(LeaseLostError)
        written = len(api.writes)
        await asyncio.sleep(0.1)
        assert len(api.writes) == written


async def test_who_finds_another_in_its_place_ends_and_leaves_it_there(api, monkeypatch):
    async with process(api, "a", monkeypatch) as leader:
        await until(lambda: api.holder == "a")
        api.lease["spec"]["holderIdentity"] = "b"
        api.lease["metadata"]["resourceVersion"] = "77"
        with pytest.raises(ExceptionGroup) as caught:
            await leader.task
        assert caught.group_contains(LeaseLostError)
        assert api.holder == "b"


# How a process ends


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (LeaseLostError("lost"), "the lease is lost"),
        (KeyError("a bug"), "a part of the operator ended"),
    ],
)
def test_a_process_that_ends_by_itself_says_why_and_is_started_again(error, said, monkeypatch, capsys):
    async def ends(_settings):
        raise ExceptionGroup("parts", [ExceptionGroup("inner", [error])])

    for name in ("GATEWAY_NAME", "GATEWAY_NAMESPACE", "DOMAIN", "NAMESPACE"):
        monkeypatch.setenv(f"SLUICE_{name}", "x")
    monkeypatch.setenv("SLUICE_PROMETHEUS_URL", "http://prometheus")
    monkeypatch.setattr(entry, "_run", ends)
    before = logging.getLogger().handlers[:]
    try:
        with pytest.raises(SystemExit) as caught:
            entry.main()
    finally:
        logging.getLogger().handlers[:] = before

    assert caught.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert said in json.loads(line)["message"]
