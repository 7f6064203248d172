"""Every request is answered with the version's name, and every inference request is counted once."""

import json
from collections.abc import AsyncIterator, Sequence

import httpx
import pytest
from prometheus_client import CollectorRegistry

from sluice_predictor.engine.worker import QueueFullError
from sluice_predictor.metrics import Metrics
from sluice_predictor.protocol.front import Front
from sluice_predictor.protocol.http import Message, Receive, Scope, Send
from sluice_predictor.protocol.request import MAX_BODY_BYTES
from sluice_predictor.tasks import Answer

V1 = "/v1/models/sms:predict"
V2 = "/v2/models/sms/infer"


async def kserve(scope: Scope, receive: Receive, send: Send) -> None:
    del scope, receive
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"from kserve"})


async def answer(texts: Sequence[str]) -> list[Answer]:
    if "full" in texts:
        raise QueueFullError("512 texts are waiting already; try again later")
    if "bad" in texts:
        raise IndexError("index out of range in self")
    return [Answer(prediction={"label": "debit", "score": 1.0, "entities": []}, tokens=3) for _ in texts]


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def front(registry: CollectorRegistry) -> Front:
    metrics = Metrics(registry=registry, labels=["debit"])
    return Front(kserve, model="sms", version="1.0.0", answer=answer, metrics=metrics)


@pytest.fixture
async def client(front: Front) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(front), base_url="http://predictor") as client:
        yield client


def counted(registry: CollectorRegistry) -> dict[tuple[str, str, str], float]:
    """Return the requests counted so far, without the zeros."""
    return {
        (sample.labels["protocol"], sample.labels["code"], sample.labels["traffic"]): sample.value
        for metric in registry.collect()
        for sample in metric.samples
        if sample.name == "sluice_requests_total" and sample.value
    }


REQUESTS = {
    "an answer": ("POST", V1, {"instances": ["a"]}, 200),
    "bad input": ("POST", V1, {"instances": []}, 400),
    "another model": ("POST", "/v1/models/other:predict", {"instances": ["a"]}, 404),
    "another version": ("POST", "/v2/models/sms/versions/2.0.0/infer", {}, 404),
    "another method": ("GET", V2, None, 405),
    "a failing model": ("POST", V1, {"instances": ["bad"]}, 500),
    "a full queue": ("POST", V1, {"instances": ["full"]}, 503),
}


@pytest.mark.parametrize(("method", "path", "body", "code"), REQUESTS.values(), ids=REQUESTS.keys())
async def test_an_inference_request_is_answered_and_counted_once(
    client: httpx.AsyncClient, registry: CollectorRegistry, method: str, path: str, body: object, code: int
) -> None:
    response = await client.request(method, path, json=body, headers={"x-request-id": "r-1"})

    assert response.status_code == code
    assert response.headers["x-model-version"] == "1.0.0"
    assert response.headers["x-request-id"] == "r-1"
    assert ("error" in response.json()) == (code != 200)
    assert counted(registry) == {(path[1:3], str(code), "live"): 1}
    assert registry.get_sample_value("sluice_request_duration_seconds_count", {"traffic": "live"}) == 1
    assert registry.get_sample_value("sluice_requests_in_flight") == 0


async def test_a_full_queue_says_when_to_come_back(client: httpx.AsyncClient) -> None:
    response = await client.post(V1, json={"instances": ["full"]})

    assert response.headers["retry-after"] == "1"


async def test_traffic_that_the_route_marks_is_counted_apart(
    client: httpx.AsyncClient, registry: CollectorRegistry
) -> None:
    await client.post(V1, json={"instances": ["a"]}, headers={"x-sluice-traffic": "shadow"})

    assert counted(registry) == {("v1", "200", "shadow"): 1}


@pytest.mark.parametrize(
    "path", ["/", "/metrics", "/v2/health/live", "/v2/health/ready", "/v1/models/sms", "/v2/models/sms"]
)
async def test_health_and_metadata_are_kserves_and_not_counted(
    client: httpx.AsyncClient, registry: CollectorRegistry, path: str
) -> None:
    response = await client.get(path)

    assert response.text == "from kserve"
    assert response.headers["x-model-version"] == "1.0.0"
    assert counted(registry) == {}


@pytest.mark.parametrize(
    "path",
    [
        "/v2/repository/models/sms/load",
        "/v2/repository/models/sms/unload",
        "/v1/models/sms:explain",
        "/v2/models/sms/versions/1.0.0",
        "/docs",
        "/openapi.json",
    ],
)
async def test_kserves_other_endpoints_are_closed(
    client: httpx.AsyncClient, registry: CollectorRegistry, path: str
) -> None:
    response = await client.post(path, json={"instances": ["a"]})

    assert response.status_code == 404
    assert response.json() == {"error": f"no such path: {path}"}
    assert counted(registry) == {}


async def test_a_body_announced_too_large_is_refused_unread(client: httpx.AsyncClient) -> None:
    async def body() -> AsyncIterator[bytes]:
        raise AssertionError("read")
        yield b""

    response = await client.post(V1, content=body(), headers={"content-length": str(MAX_BODY_BYTES + 1)})

    assert response.status_code == 413
    assert response.headers["connection"] == "close"


async def test_a_body_that_grows_too_large_is_refused_on_the_way(client: httpx.AsyncClient) -> None:
    sent = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1 << 20
            yield b" " * (1 << 20)

    response = await client.post(V1, content=body(), headers={"content-type": "application/json"})

    assert response.status_code == 413
    assert sent <= MAX_BODY_BYTES + (2 << 20)


async def test_a_client_that_hangs_up_is_counted_but_is_no_error(front: Front, registry: CollectorRegistry) -> None:
    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        raise AssertionError(message)

    await front({"type": "http", "method": "POST", "path": V1, "headers": []}, receive, send)

    assert counted(registry) == {("v1", "499", "live"): 1}
    assert registry.get_sample_value("sluice_requests_in_flight") == 0


async def test_while_draining_it_is_not_ready_but_answers(front: Front, client: httpx.AsyncClient) -> None:
    front.drain()

    ready = [await client.get(path) for path in ("/v2/health/ready", "/v2/models/sms/ready", "/v1/models/sms")]
    answered = await client.post(V1, json={"instances": ["a"]})
    live = await client.get("/v2/health/live")

    assert [response.status_code for response in ready] == [503, 503, 503]
    assert answered.status_code == 200
    assert answered.headers["connection"] == "close"
    assert live.status_code == 200


async def test_a_request_without_an_id_gets_one_in_v2_only_in_the_answer(client: httpx.AsyncClient) -> None:
    body = {"inputs": [{"name": "text", "datatype": "BYTES", "shape": [1], "data": ["a"]}]}

    made = await client.post(V2, json=body)
    passed = await client.post(V2, json=body, headers={"x-request-id": "r-1"})

    assert len(json.loads(made.content)["id"]) == 36
    assert "x-request-id" not in made.headers
    assert passed.json()["id"] == "r-1"
