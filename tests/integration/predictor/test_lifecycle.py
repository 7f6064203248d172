"""Who is stopped loses no request, and who is killed loses only what was in flight."""

import json
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from os import kill
from pathlib import Path

import httpx
import pytest

from sluice_predictor.artifact import Artifact
from tests.integration.predictor.conftest import START_TIMEOUT, Server, children, is_alive

V1 = "/v1/models/sms:predict"
LONG = {"instances": ["w1 " * 250] * 100}
SHORT = {"instances": ["w1 w2"]}


@contextmanager
def in_flight(server: Server, *, requests: int) -> Iterator[list[Future[httpx.Response]]]:
    """Ask what takes seconds, and wait until all of it is under way."""
    with httpx.Client(base_url=server.url, timeout=START_TIMEOUT) as client, ThreadPoolExecutor(requests) as threads:
        asked = [threads.submit(client.post, V1, json=LONG) for _ in range(requests)]
        server.wait_until(lambda: server.samples("sluice_requests_in_flight") == {"": requests})
        yield asked


class Load:
    """A client that asks again and again until the server takes no more connections."""

    def __init__(self, url: str) -> None:
        self.statuses: list[int] = []
        self._url = url
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> "Load":
        self._thread.start()
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        if error:
            self._ended.set()
        self._thread.join()

    def _ask(self) -> None:
        while not self._ended.is_set():
            # Each asks over a connection of its own, since one that is kept alive may be closed as it is used.
            try:
                self.statuses.append(httpx.post(self._url + V1, json=SHORT, timeout=START_TIMEOUT).status_code)
            except httpx.ConnectError:
                return


def test_sigterm_under_load_loses_no_request(serve, slow_version: Artifact) -> None:
    server = serve(slow_version, "--lameduck_seconds=1", "--drain_seconds=100")

    with in_flight(server, requests=2) as long, Load(server.url) as load:
        server.process.send_signal(signal.SIGTERM)
        server.wait_until(lambda: httpx.get(server.url + "/v2/health/ready").status_code == 503)
        late = httpx.post(server.url + V1, json=SHORT, timeout=START_TIMEOUT)
        assert late.status_code == 200
        assert late.headers["connection"] == "close"

    assert {request.result().status_code for request in long} == {200}
    assert set(load.statuses) == {200}
    assert server.process.wait(timeout=START_TIMEOUT) == 0


def test_who_has_no_answer_when_the_time_to_drain_is_over_is_told(start, slow_version: Artifact) -> None:
    server = start(slow_version, "--lameduck_seconds=0", "--drain_seconds=0")
    server.wait_until(server.is_ready, timeout=START_TIMEOUT)

    with in_flight(server, requests=1) as (late,):
        server.process.send_signal(signal.SIGTERM)
        response = late.result(timeout=START_TIMEOUT)

    assert response.status_code == 503
    assert response.json()["error"] == "the server has shut down; ask another"
    assert server.process.wait(timeout=START_TIMEOUT) == 0


def test_a_killed_engine_is_told_of_counted_and_replaced(serve, slow_version: Artifact) -> None:
    server = serve(slow_version)
    first = server.engine()

    with in_flight(server, requests=2) as lost:
        kill(first, signal.SIGKILL)
        for request in lost:
            response = request.result(timeout=START_TIMEOUT)
            assert response.status_code == 503
            assert response.headers["retry-after"] == "1"
            assert response.json()["code"] == "engine_lost"
    assert httpx.get(server.url + "/v2/health/live").status_code == 200
    server.wait_until(server.is_ready, timeout=START_TIMEOUT)

    assert server.engine() != first
    assert httpx.post(server.url + V1, json=SHORT).status_code == 200
    assert server.samples("sluice_engine_restarts_total") == {"": 1}
    assert server.samples("sluice_requests_total")['{code="503",protocol="v1",traffic="live"}'] == 2


def test_a_version_that_is_gone_when_the_engine_is_replaced_ends_the_process(tmp_path: Path, make, serve) -> None:
    artifact = make(tmp_path / "1.0.0")
    server = serve(artifact)
    (artifact.directory / "tokenizer.json").unlink()

    kill(server.engine(), signal.SIGKILL)

    assert server.process.wait(timeout=START_TIMEOUT) == 1
    last = json.loads(server.log.read_text().splitlines()[-1])
    assert last["message"].startswith("the engine cannot be started any more: tokenizer.json: ")


def test_a_killed_server_takes_its_engine_with_it(start, slow_version: Artifact) -> None:
    server = start(slow_version)
    server.wait_until(server.is_ready, timeout=START_TIMEOUT)
    engine = server.engine()
    with pytest.raises(httpx.TransportError), in_flight(server, requests=1) as (lost,):
        server.process.kill()
        lost.result(timeout=START_TIMEOUT)

    server.wait_until(lambda: not is_alive(engine))


def test_sigterm_while_loading_ends_both_processes_at_once(start, version: Artifact) -> None:
    server = start(version)
    engine = server.engine()

    server.process.send_signal(signal.SIGTERM)

    assert server.process.wait(timeout=START_TIMEOUT) == 128 + signal.SIGTERM
    server.wait_until(lambda: not is_alive(engine))


def test_an_engine_that_dies_over_the_loading_is_the_reason_given(start, version: Artifact) -> None:
    server = start(version)
    kill(server.engine(), signal.SIGKILL)

    assert server.process.wait(timeout=START_TIMEOUT) == 1
    (line,) = map(json.loads, server.log.read_text().splitlines())
    assert line["message"] == "the engine's process was killed by SIGKILL while it loaded the version"


def test_the_server_itself_is_free_of_numerical_libraries(server) -> None:
    assert "torch" in Path(f"/proc/{server.engine()}/maps").read_text()
    assert "torch" not in Path(f"/proc/{server.process.pid}/maps").read_text()
    assert children(server.engine()) == []


def test_the_log_is_json_and_silent_about_requests(server) -> None:
    httpx.post(server.url + V1, json={"instances": ["w1 secret"]}, headers={"authorization": "Bearer secret"})
    httpx.post(server.url + V1, content=b"secret", headers={"content-type": "application/json"})

    lines = [json.loads(line) for line in server.log.read_text().splitlines()]

    assert all(line.keys() >= {"time", "level", "logger", "message"} for line in lines)
    assert any(line["message"].startswith("serving sms 1.0.0") for line in lines)
    assert "secret" not in server.log.read_text()
