"""Every request is answered with the version's name, and every inference request is counted once."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from prometheus_client import CollectorRegistry

from sluice_predictor.artifact import Calibration, Example
from sluice_predictor.protocol.front import Front
from sluice_predictor.protocol.http import Message, Receive, Scope, Send
from sluice_predictor.protocol.inference import Inference
from sluice_predictor.protocol.metadata import MAX_CALIBRATION_BYTES
from sluice_predictor.protocol.request import MAX_BODY_BYTES
from sluice_predictor.tasks.base import Parameters

V1 = "/v1/models/sms:predict"
V2 = "/v2/models/sms/infer"
TENSOR = {"name": "text", "datatype": "BYTES", "shape": [1], "data": ["a"]}
READY_PATHS = ("/v2/health/ready", "/v2/models/sms/ready", "/v1/models/sms")


async def kserve(scope: Scope, receive: Receive, send: Send) -> None:
    del scope, receive
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"from kserve"})


@pytest.fixture
def front(inference: Inference) -> Front:
    return Front(kserve, inference)


@pytest.fixture
async def client(front: Front) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(front), base_url="http://predictor") as client:
        yield client


REQUESTS = {
    "an answer": ("POST", V1, {"instances": ["a"]}, 200, None),
    "bad input": ("POST", V1, {"instances": []}, 400, "invalid_input"),
    "another model": ("POST", "/v1/models/other:predict", {"instances": ["a"]}, 404, "unknown_model"),
    "another version": ("POST", "/v2/models/sms/versions/2.0.0/infer", {}, 404, "unknown_version"),
    "another method": ("GET", V2, None, 405, "method_not_allowed"),
    "HEAD": ("HEAD", V1, None, 405, None),
    "OPTIONS": ("OPTIONS", V1, None, 405, "method_not_allowed"),
    "a text that the task refuses": ("POST", V1, {"instances": ["long"]}, 422, "refused_input"),
    "a parameter that the task refuses": ("POST", V1, {"instances": ["deep"]}, 422, "invalid_parameter"),
    "a failing model": ("POST", V1, {"instances": ["bad"]}, 500, "model_failed"),
    "a failing server": ("POST", V1, {"instances": ["bug"]}, 500, "internal_error"),
    "a full queue": ("POST", V1, {"instances": ["full"]}, 503, "queue_full"),
    "a lost engine": ("POST", V1, {"instances": ["lost"]}, 503, "engine_lost"),
    "a deadline": ("POST", V1, {"instances": ["late"]}, 504, "deadline_exceeded"),
}


@pytest.mark.parametrize(("method", "path", "body", "status", "code"), REQUESTS.values(), ids=REQUESTS.keys())
async def test_an_inference_request_is_answered_and_counted_once(
    client: httpx.AsyncClient,
    registry: CollectorRegistry,
    counted,
    method: str,
    path: str,
    body: object,
    status: int,
    code: str | None,
) -> None:
    response = await client.request(method, path, json=body, headers={"x-request-id": "r-1"})

    assert response.status_code == status
    assert response.headers["x-model-version"] == "1.0.0"
    assert response.headers["x-request-id"] == "r-1"
    if code is not None:
        error = response.json()
        assert error["error"]
        assert (error["code"], error["requestId"]) == (code, "r-1")
    assert counted() == {(path[1:3], str(status), "live"): 1}
    assert registry.get_sample_value("sluice_request_duration_seconds_count", {"traffic": "live"}) == 1
    assert registry.get_sample_value("sluice_requests_in_flight") == 0


@pytest.mark.parametrize("path", [V1, V2])
async def test_a_full_queue_is_told_of_before_anybody_reads_what_is_asked(
    client: httpx.AsyncClient, engine, path: str
) -> None:
    engine.full = True

    response = await client.post(path, content=b"{not JSON", headers={"content-type": "application/json"})

    assert (response.status_code, response.json()["code"]) == (503, "queue_full")
    assert response.headers["retry-after"] == "1"
    assert "connection" not in response.headers


@pytest.mark.parametrize("text", ["full", "lost"])
async def test_who_may_succeed_later_is_told_when(client: httpx.AsyncClient, text: str) -> None:
    response = await client.post(V1, json={"instances": [text]})

    assert response.headers["retry-after"] == "1"


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        (V1, {"instances": ["long"]}, "instances[0]"),
        (V1, {"instances": ["deep"]}, "parameters.top_k"),
        (V1, {"instances": ["a"], "parameters": {"top_k": "many"}}, "parameters.top_k"),
        (V2, {"inputs": [TENSOR | {"data": ["long"]}]}, "inputs[0].data[0]"),
        (V2, {"inputs": [TENSOR], "parameters": {"threshold": 2}}, "parameters.threshold"),
        (V2, {"inputs": [TENSOR | {"shape": [2]}]}, "inputs[0].shape"),
    ],
)
async def test_an_error_names_the_field(client: httpx.AsyncClient, path: str, body: object, field: str) -> None:
    response = await client.post(path, json=body)

    assert response.json()["field"] == field


async def test_a_failure_of_the_server_says_nothing_of_its_inside(client: httpx.AsyncClient) -> None:
    response = await client.post(V1, json={"instances": ["bug"]})

    assert "nobody expected this" not in response.text


async def test_a_405_says_what_is_allowed(client: httpx.AsyncClient) -> None:
    assert (await client.get(V1)).headers["allow"] == "POST"
    assert (await client.post("/v2")).headers["allow"] == "GET"


async def test_parameters_reach_the_engine(client: httpx.AsyncClient, engine) -> None:
    body = {"truncation": False, "max_tokens": 64, "top_k": 3, "threshold": 0.25}

    for path, request in ((V1, {"instances": ["a"]}), (V2, {"inputs": [TENSOR]})):
        await client.post(path, json={**request, "parameters": body})
        assert engine.parameters == Parameters(truncation=False, max_tokens=64, top_k=3, threshold=0.25)


@pytest.mark.parametrize(
    ("header", "seconds"), [(None, 60), ("1500", 1.5), ("600000", 60), ("0", 60), ("-5", 60), ("x" * 100, 60)]
)
async def test_a_request_ends_when_its_gateway_stops_waiting(
    client: httpx.AsyncClient, engine, header: str | None, seconds: float
) -> None:
    headers = {} if header is None else {"x-envoy-expected-rq-timeout-ms": header}

    await client.post(V1, json={"instances": ["a"]}, headers=headers)

    assert engine.seconds_left == pytest.approx(seconds, abs=0.5)


async def test_traffic_that_the_route_marks_is_counted_apart(client: httpx.AsyncClient, counted) -> None:
    await client.post(V1, json={"instances": ["a"]}, headers={"x-sluice-traffic": "shadow"})

    assert counted() == {("v1", "200", "shadow"): 1}


@pytest.mark.parametrize(
    "path", ["/", "/metrics", "/v2/health/live", "/v2/health/ready", "/v1/models/sms", "/v2/models"]
)
async def test_health_and_metrics_are_kserves_and_not_counted(client: httpx.AsyncClient, counted, path: str) -> None:
    response = await client.get(path)

    assert response.text == "from kserve"
    assert response.headers["x-model-version"] == "1.0.0"
    assert counted() == {}


async def test_metadata_names_the_version_and_its_tensors(client: httpx.AsyncClient, counted) -> None:
    server = (await client.get("/v2")).json()
    model = (await client.get("/v2/models/sms")).json()

    assert server.keys() == {"name", "version", "extensions"}
    assert model["versions"] == ["1.0.0"]
    assert model["inputs"] == [{"name": "text", "datatype": "BYTES", "shape": [-1]}]
    assert [tensor["name"] for tensor in model["outputs"]] == ["label", "score", "entities"]
    assert counted() == {}


DIRECTLY = {"x-sluice-traffic": "synthetic"}
CALIBRATION = "/v2/models/sms/calibration"


def calibrated(inference: Inference, *examples: Example) -> httpx.AsyncClient:
    front = Front(kserve, inference, calibration=Calibration(tolerance=0.1, examples=list(examples)))
    return httpx.AsyncClient(transport=httpx.ASGITransport(front), base_url="http://predictor")


async def test_who_asks_a_pod_directly_is_told_by_which_answers_the_version_is_known(
    inference: Inference, counted
) -> None:
    async with calibrated(inference, Example(instance="a", prediction={"label": "debit"})) as client:
        response = await client.get(CALIBRATION, headers=DIRECTLY)

    assert response.json() == {
        "model_name": "sms",
        "model_version": "1.0.0",
        "digest": "sha256:00",
        "tolerance": 0.1,
        "examples": [{"instance": "a", "prediction": {"label": "debit"}}],
    }
    assert counted() == {}


async def test_a_version_without_a_calibration_still_says_which_it_is(client: httpx.AsyncClient) -> None:
    told = (await client.get(CALIBRATION, headers=DIRECTLY)).json()

    assert (told["digest"], told["examples"]) == ("sha256:00", [])


@pytest.mark.parametrize(
    "headers", [{}, {"x-sluice-traffic": "live"}, {**DIRECTLY, "x-sluice-version": "1.0.0"}], ids=str
)
async def test_what_a_version_was_calibrated_with_is_not_for_clients_that_come_by_the_route(
    client: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    response = await client.get(CALIBRATION, headers=headers)

    assert (response.status_code, response.json()["code"]) == (404, "unknown_path")


async def test_of_a_large_calibration_only_the_first_examples_are_told(inference: Inference) -> None:
    large = [Example(instance="a", prediction={"place": place, "values": [0.5] * 50_000}) for place in range(4)]

    async with calibrated(inference, *large) as client:
        response = await client.get(CALIBRATION, headers=DIRECTLY)

    assert [example["prediction"]["place"] for example in response.json()["examples"]] == [0, 1]
    assert len(response.content) < MAX_CALIBRATION_BYTES + 1000


@pytest.mark.parametrize(
    "path",
    [
        "/v2/repository/models/sms/load",
        "/v2/repository/models/sms/unload",
        "/v1/models/sms:explain",
        "/v2/models/sms/versions/1.0.0",
        "/docs",
        "/openapi.json",
        "/" + "a" * 10_000,
        "/\ud800",
    ],
)
async def test_kserves_other_endpoints_are_closed(front: Front, counted, path: str) -> None:
    sent = await exchange(front, scope("POST", path), [b"{}"])

    assert sent[0]["status"] == 404
    assert len(sent[1]["body"]) < 1000
    assert counted() == {}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content-type": "text/plain"}, 415),
        ({"content-type": "application/octet-stream"}, 415),
        ({"content-encoding": "gzip", "content-type": "application/json"}, 415),
        ({"content-type": "Application/JSON; charset=utf-8"}, 200),
        ({"content-encoding": "identity"}, 200),
        ({}, 200),
    ],
)
async def test_bodies_are_plain_json(client: httpx.AsyncClient, headers: dict[str, str], status: int) -> None:
    response = await client.post(V1, content=b'{"instances": ["a"]}', headers=headers)

    assert response.status_code == status


async def test_a_body_announced_too_large_is_refused_unread(front: Front) -> None:
    sent = await exchange(front, scope("POST", V1, {"content-length": str(100 << 20)}), [])

    assert sent[0]["status"] == 413
    assert (b"connection", b"close") in sent[0]["headers"]


async def test_a_body_that_grows_too_large_is_answered_before_its_end(front: Front) -> None:
    sent = await exchange(front, scope("POST", V1), [b" " * MAX_BODY_BYTES, b" ", b" ", b" "], ended=False)

    assert sent[0]["status"] == 413
    assert sent[1]["body"]


async def test_large_bodies_that_do_not_end_leave_room_for_small_ones(front: Front, counted) -> None:
    refusals: asyncio.Queue[Message] = asyncio.Queue()

    async def stall() -> None:
        parts = [b" " * (3 << 20)]

        async def receive() -> Message:
            if parts:
                return {"type": "http.request", "body": parts.pop(), "more_body": True}
            return await asyncio.Event().wait()

        await front(scope("POST", V1), receive, refusals.put)

    async with asyncio.TaskGroup() as group:
        stalled = [group.create_task(stall()) for _ in range(20)]
        refusal = await refusals.get()
        small = await exchange(front, scope("POST", V1), [b'{"instances": ', b'["a"]}'])
        for task in stalled:
            task.cancel()

    assert refusal["status"] == 429
    assert (b"retry-after", b"1") in refusal["headers"]
    assert small[0]["status"] == 200
    assert counted()[("v1", "200", "live")] == 1


async def test_a_body_that_takes_too_long_is_given_up(inference: Inference, counted) -> None:
    front = Front(kserve, inference, body_seconds=0.01)

    sent = await exchange(front, scope("POST", V1), [b"{"], ended=False)

    assert sent[0]["status"] == 408
    assert counted() == {("v1", "408", "live"): 1}


async def test_a_client_that_hangs_up_before_its_end_is_counted_but_is_no_error(
    front: Front, counted, registry: CollectorRegistry
) -> None:
    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        raise AssertionError(message)

    await front(scope("POST", V1), receive, send)

    assert counted() == {("v1", "499", "live"): 1}
    assert registry.get_sample_value("sluice_requests_in_flight") == 0


async def test_a_client_that_hangs_up_takes_its_request_out_of_the_engine(front: Front, engine, counted) -> None:
    messages = [{"type": "http.disconnect"}, {"type": "http.request", "body": b'{"instances": ["wait"]}'}]

    async def receive() -> Message:
        if len(messages) == 1:
            await engine.waiting.wait()
        return messages.pop()

    async def send(message: Message) -> None:
        raise AssertionError(message)

    await front(scope("POST", V1), receive, send)

    assert engine.given_up.is_set()
    assert counted() == {("v1", "499", "live"): 1}


async def test_a_server_that_stops_cancels_what_it_runs(front: Front, engine, counted) -> None:
    request = asyncio.create_task(exchange(front, scope("POST", V1), [b'{"instances": ["wait"]}']))
    await engine.waiting.wait()

    request.cancel()

    with pytest.raises(asyncio.CancelledError):
        await request
    assert engine.given_up.is_set()
    assert counted() == {("v1", "499", "live"): 1}


async def test_while_draining_it_is_not_ready_but_answers(inference: Inference, client: httpx.AsyncClient) -> None:
    inference.drain()

    ready = [await client.get(path) for path in READY_PATHS]
    answered = await client.post(V1, json={"instances": ["a"]})
    live = await client.get("/v2/health/live")

    assert [response.status_code for response in ready] == [503, 503, 503]
    assert {response.json()["code"] for response in ready} == {"not_ready"}
    assert answered.status_code == 200
    assert answered.headers["connection"] == "close"
    assert live.status_code == 200


async def test_without_its_engine_it_is_live_but_not_ready(engine, client: httpx.AsyncClient) -> None:
    engine.ready = False

    ready = [await client.get(path) for path in READY_PATHS]

    assert [response.status_code for response in ready] == [503, 503, 503]
    assert (await client.get("/v2/health/live")).status_code == 200


async def test_a_v1_answer_names_its_predictions_in_a_header(client: httpx.AsyncClient) -> None:
    first = await client.post(V1, json={"instances": ["a"]})
    second = await client.post(V1, json={"instances": ["a"]})

    assert first.headers["x-prediction-id"] < second.headers["x-prediction-id"]
    assert "~1.0.0~sms-pod-1" in first.headers["x-prediction-id"]


async def test_a_v2_answer_names_its_predictions_in_a_parameter(client: httpx.AsyncClient) -> None:
    response = await client.post(V2, json={"inputs": [TENSOR]})

    assert "~1.0.0~sms-pod-1" in response.json()["parameters"]["prediction_id"]


async def test_a_v2_answer_has_the_id_of_its_request_or_a_new_one(client: httpx.AsyncClient) -> None:
    own = await client.post(V2, json={"inputs": [TENSOR], "id": "7"}, headers={"x-request-id": "r-1"})
    passed = await client.post(V2, json={"inputs": [TENSOR]}, headers={"x-request-id": "r-1"})
    made = await client.post(V2, json={"inputs": [TENSOR]})

    assert own.json()["id"] == "7"
    assert passed.json()["id"] == "r-1"
    assert made.json()["id"] == made.json()["parameters"]["prediction_id"]
    assert "x-request-id" not in made.headers


@pytest.mark.parametrize("value", [b"", b"a b", b"a\x00", b"\xff", b"a" * 129])
async def test_a_request_id_that_is_not_plain_is_not_passed_on(front: Front, value: bytes) -> None:
    request = scope("POST", V1)
    request["headers"] = [(b"x-request-id", value)]

    sent = await exchange(front, request, [b'{"instances": ["a"]}'])

    assert sent[0]["status"] == 200
    assert b"x-request-id" not in dict(sent[0]["headers"])


def scope(method: str, path: str, headers: dict[str, str] | None = None) -> Scope:
    encoded = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    return {"type": "http", "method": method, "path": path, "headers": encoded}


async def exchange(front: Front, scope: Scope, parts: list[bytes], *, ended: bool = True) -> list[Message]:
    """Send a body in parts; return what is answered. A client that does not end its body goes once it is answered."""
    answered = asyncio.Event()
    sent: list[Message] = []
    left = list(parts)

    async def receive() -> Message:
        if left:
            part = left.pop(0)
            return {"type": "http.request", "body": part, "more_body": bool(left) or not ended}
        await answered.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)
        answered.set()

    await front(scope, receive, send)
    return sent
