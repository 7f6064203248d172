"""The record through a port-forward, with the real endpoint behind an API server that forwards as Kubernetes does.

What stands in for the API server lists pods and forwards a port over a WebSocket by v4.channel.k8s.io: two channels for
the port, data and errors, each of which begins with the port's number. tests/e2e does it with the real one.
"""

import asyncio
import http.client
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import WSMsgType, web
from kubernetes.client import ApiClient, Configuration

from sluice_operator.cli.cluster import Cluster
from sluice_operator.cli.errors import ClusterError
from sluice_operator.cli.live.returning import recorded
from sluice_operator.cli.live.versions import Model
from sluice_operator.cli.record.forwarding import Forwarded, forwarded
from sluice_operator.controller import ledger_endpoint
from sluice_operator.ledger.entry import Entry
from sluice_operator.ledger.errors import LedgerError
from sluice_operator.ledger.migrate import migrate
from sluice_operator.ledger.record import Record
from sluice_operator.ledger.store import Ledger
from sluice_operator.ledger.verify import verify

NAMESPACE = "sluice-system"


def pod(name: str, *, ready: bool = True, **meta: str) -> dict[str, Any]:
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    return {"metadata": {"name": name, "namespace": NAMESPACE, **meta}, "status": {"conditions": conditions}}


class ApiServer:
    """Lists pods, and forwards to a port of this machine."""

    def __init__(self, pods: list[dict[str, Any]], *, refuses: bool = False, closed: bool = False) -> None:
        self.pods = pods
        self.refuses = refuses
        self.closed = closed
        self.port = 0
        self.asked: list[str] = []

    async def serve(self, ledger: Any) -> tuple[web.AppRunner, web.AppRunner]:
        endpoint = await ledger_endpoint.serve(ledger, port=0)
        self.port = endpoint.addresses[0][1]
        app = web.Application()
        pods = f"/api/v1/namespaces/{NAMESPACE}/pods"
        app.add_routes([web.get(pods, self._list), web.get(pods + "/{name}/portforward", self._forward)])
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=5)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return runner, endpoint

    async def _list(self, request: web.Request) -> web.Response:
        assert "component=operator" in request.query["labelSelector"]
        return web.json_response({"kind": "PodList", "metadata": {}, "items": self.pods})

    async def _forward(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.match_info["name"])
        if self.refuses:
            raise web.HTTPForbidden(text="pods is forbidden")
        forwarding = web.WebSocketResponse(protocols=["v4.channel.k8s.io"])
        await forwarding.prepare(request)
        number = struct.pack("<H", int(request.query["ports"]))
        await forwarding.send_bytes(b"\0" + number)
        await forwarding.send_bytes(b"\1" + number)
        if self.closed:
            await forwarding.send_bytes(b"\1failed to connect to localhost:8082 inside namespace: connection refused")
            return forwarding
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)

        async def answers() -> None:
            with suppress(OSError):
                while data := await reader.read(65_536):
                    await forwarding.send_bytes(b"\0" + data)
            await forwarding.close()

        back = asyncio.create_task(answers())
        async for message in forwarding:
            if message.type is WSMsgType.BINARY and message.data[0] == 0:
                writer.write(message.data[1:])
        back.cancel()
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        return forwarding


@contextmanager
def running(server: ApiServer, ledger: Any) -> Iterator[Cluster]:
    """The server in a thread of its own, and a cluster that asks it."""
    started: Future[tuple[str, Callable[[], None]]] = Future()

    async def run() -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        runner, endpoint = await server.serve(ledger)
        address = f"http://127.0.0.1:{runner.addresses[0][1]}"
        started.set_result((address, lambda: loop.call_soon_threadsafe(stop.set)))
        await stop.wait()
        await runner.cleanup()
        await endpoint.cleanup()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    address, stop = started.result(timeout=10)
    try:
        configuration = Configuration()
        configuration.host = address
        with ApiClient(configuration) as api, closing(api.rest_client.pool_manager.connection_from_url(address)):
            yield Cluster(api, namespace="payments", context="test")
    finally:
        stop()
        thread.join()


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    migrate(url)
    opened = Ledger.open(url)
    subjects = [{"namespace": "payments", "model": model, "version": "1"} for model in ("sms", "fraud")]
    now = datetime(2025, 11, 3, tzinfo=UTC)
    told = [Entry(f"id-{one}", now, "Transition", subjects[one % 2], {}, {"filler": "x" * 2000}) for one in range(1000)]
    opened.append(told)
    opened.append([Entry(f"more-{one}", now, "Transition", subjects[0], {}, {}) for one in range(200)])
    return opened


@contextmanager
def reading(server: ApiServer, ledger: Any) -> Iterator[Forwarded]:
    with running(server, ledger) as cluster, forwarded(cluster, namespace=NAMESPACE) as source:
        yield source


def test_the_whole_chain_comes_through_and_verifies(ledger: Ledger) -> None:
    with reading(ApiServer([pod("operator-1")]), lambda: ledger) as source:
        head, records = source.head(), list(source.records())

    assert len(records) == 1200
    assert verify(records, head=head) == []


def test_records_of_one_model_are_asked_for_alone(ledger: Ledger) -> None:
    with reading(ApiServer([pod("operator-1")]), lambda: ledger) as source:
        records = list(source.records(namespace="payments", model="fraud"))

    assert len(records) == 500
    assert all(isinstance(one, Record) and one.subject["model"] == "fraud" for one in records)


def test_what_can_be_returned_to_is_ranked_by_what_comes_through(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    migrate(url)
    ledger = Ledger.open(url)
    at = datetime(2025, 11, 3, tzinfo=UTC)
    for minutes, version, weight in ((0, "1", 100), (10, "2", 100), (10, "1", 0)):
        subject = {"namespace": "payments", "model": "sms", "version": version, "name": f"sms-{version}"}
        promoted = {"promotedAt": at.isoformat()} if weight else {}
        body = {"from": {}, "to": {"phase": "Stable" if weight else "Superseded", "weight": weight}, **promoted}
        entry = Entry(f"{minutes}-{version}", at + timedelta(minutes=minutes), "Transition", subject, {}, body)
        ledger.append([entry])
    model = Model("payments", "sms", ())

    with running(ApiServer([pod("operator-1")]), lambda: ledger) as cluster:
        targets = recorded(cluster, model, ledger_url=None, operator_namespace=NAMESPACE)

    assert [one.name for one in targets] == ["sms-1"]


def test_it_is_a_pod_that_is_ready_and_stays(ledger: Ledger) -> None:
    pods = [pod("starting", ready=False), pod("leaving", deletionTimestamp="2025-11-03T00:00:00Z"), pod("there")]
    server = ApiServer(pods)
    with reading(server, lambda: ledger) as source:
        source.head()

    assert server.asked == ["there"]


def test_without_such_a_pod_it_is_said_what_else_can_be_read(ledger: Ledger) -> None:
    with (
        pytest.raises(ClusterError, match=r"no pod of the operator is ready.*--records"),
        reading(ApiServer([pod("starting", ready=False)]), lambda: ledger),
    ):
        pass


def test_who_may_not_forward_ports_is_told_which_right_it_takes(ledger: Ledger) -> None:
    with (
        pytest.raises(ClusterError, match="right to create pods/portforward in namespace sluice-system"),
        reading(ApiServer([pod("operator-1")], refuses=True), lambda: ledger),
    ):
        pass


def test_a_pod_that_does_not_serve_the_record_is_told_as_such(ledger: Ledger) -> None:
    with (
        reading(ApiServer([pod("operator-1")], closed=True), lambda: ledger) as source,
        pytest.raises(ClusterError, match="does not serve the record"),
    ):
        source.head()


def test_a_ledger_that_is_away_is_told_in_the_operators_words() -> None:
    def away() -> Ledger:
        raise LedgerError("the database: connection refused")

    with (
        reading(ApiServer([pod("operator-1")]), away) as source,
        pytest.raises(ClusterError, match="connection refused"),
    ):
        list(source.records())


def test_a_page_that_breaks_off_is_never_taken_for_a_whole_one() -> None:
    ours, theirs = socket.socketpair()
    theirs.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
    theirs.shutdown(socket.SHUT_WR)
    connection = http.client.HTTPConnection("127.0.0.1")
    connection.sock = ours

    with closing(theirs), closing(connection), pytest.raises(ClusterError, match="IncompleteRead"):
        list(Forwarded(connection).records())
