"""What clients see of the real server: answers, refusals, failures of one input, and exact counts."""

import asyncio
import json
import select
import socket
from collections import Counter
from urllib.parse import urlsplit

import httpx
import pytest

from sluice_predictor.artifact import Artifact

V1 = "/v1/models/sms:predict"
V2 = "/v2/models/sms/infer"
TENSOR = {"name": "text", "datatype": "BYTES", "shape": [1], "data": ["w1"]}


def test_v1_answers_each_instance_with_label_score_and_entities(server) -> None:
    response = httpx.post(server.url + V1, json={"instances": ["w1 w2 w3", {"text": "w4"}]})

    assert response.status_code == 200
    assert response.headers["x-model-version"] == "1.0.0"
    first, second = response.json()["predictions"]
    assert first.keys() == second.keys() == {"label", "score", "entities"}
    assert first["label"] in ("debit", "credit", "other")
    assert 0 < first["score"] <= 1
    assert all("w1 w2 w3"[e["start"] : e["end"]] == e["text"] for e in first["entities"])


def test_both_protocols_give_the_same_answers(server) -> None:
    texts = ["w1 w2", "", "w3 " * 400]

    v1 = httpx.post(server.url + V1, json={"instances": texts}).json()
    v2 = httpx.post(server.url + V2, json={"inputs": [TENSOR | {"shape": [3], "data": texts}]}).json()

    data = {output["name"]: output["data"] for output in v2["outputs"]}
    assert data["label"] == [prediction["label"] for prediction in v1["predictions"]]
    assert data["score"] == pytest.approx([prediction["score"] for prediction in v1["predictions"]])


def test_health_and_metadata_name_the_model_and_its_tensors(server) -> None:
    get = {
        path: httpx.get(server.url + path) for path in ("/v2/health/live", "/v2/health/ready", "/v2/models/sms/ready")
    }
    metadata = httpx.get(server.url + "/v2/models/sms").json()

    assert {response.status_code for response in get.values()} == {200}
    assert [tensor["name"] for tensor in metadata["inputs"]] == ["text"]
    assert [tensor["name"] for tensor in metadata["outputs"]] == ["label", "score", "entities"]
    assert httpx.get(server.url + "/v2").json()["extensions"] == ["binary_tensor_data"]


def test_the_version_and_its_digest_are_a_metric(server, version: Artifact) -> None:
    (series,) = server.samples("sluice_model_info")

    assert f'digest="{version.digest}"' in series
    assert 'version="1.0.0"' in series


BAD = {
    "nothing": (V1, b"", 400),
    "not JSON": (V1, b"hello", 400),
    "NaN": (V1, b'{"instances": [NaN]}', 400),
    "deep": (V1, b"[" * 1_000_000, 400),
    "invalid UTF-8": (V1, b'{"instances": ["\xff\xfe"]}', 400),
    "half a surrogate": (V1, rb'{"instances": ["\ud800"]}', 400),
    "no instances": (V1, b"{}", 400),
    "a million values": (V1, b'{"instances": [' + b"0," * 1_000_000 + b"0]}", 400),
    "too many": (V1, b'{"instances": [' + b'"a",' * 256 + b'"a"]}', 422),
    "too large": (V1, b'{"instances": ["' + b"a" * (5 << 20) + b'"]}', 413),
    "no inputs": (V2, b"{}", 400),
    "a shape of nothing": (V2, b'{"inputs": [{"name": "text", "datatype": "BYTES", "shape": [], "data": ["a"]}]}', 400),
    "no shape": (V2, b'{"inputs": [{"name": "text", "datatype": "BYTES", "data": ["a"]}]}', 400),
    "no data": (V2, b'{"inputs": [{"name": "text", "datatype": "BYTES", "shape": [1]}]}', 400),
    "another datatype": (V2, b'{"inputs": [{"name": "text", "datatype": "FP32", "shape": [1], "data": [1]}]}', 400),
    "another parameter": (V1, b'{"instances": ["a"], "parameters": {"temperature": 1}}', 400),
    "a parameter out of range": (V1, b'{"instances": ["a"], "parameters": {"threshold": 2}}', 422),
    "another model": ("/v1/models/other:predict", b'{"instances": ["a"]}', 404),
    "unload": ("/v2/repository/models/sms/unload", b"", 404),
    "explain": ("/v1/models/sms:explain", b'{"instances": ["a"]}', 404),
}


@pytest.mark.parametrize(("path", "body", "status"), BAD.values(), ids=BAD.keys())
def test_bad_input_is_the_clients_fault_and_harms_nobody(server, path: str, body: bytes, status: int) -> None:
    response = httpx.post(server.url + path, content=body, headers={"content-type": "application/json"})

    assert response.status_code == status
    assert response.json().keys() - {"field"} == {"error", "code", "requestId"}
    assert response.headers["x-model-version"] == "1.0.0"
    assert httpx.post(server.url + V1, json={"instances": ["w1"]}).status_code == 200


@pytest.mark.parametrize(
    "headers", [{"content-type": "text/plain"}, {"content-type": "application/json", "content-encoding": "gzip"}]
)
def test_another_content_type_is_refused(server, headers: dict[str, str]) -> None:
    assert httpx.post(server.url + V1, content=b"w1", headers=headers).status_code == 415


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"])
def test_another_method_is_refused(server, method: str) -> None:
    response = httpx.request(method, server.url + V1)

    assert response.status_code == 405
    assert response.headers["allow"] == "POST"


def test_a_client_that_sends_a_hundred_megabytes_sees_why_it_is_refused(server) -> None:
    """It reads nothing before it has sent everything, as simple clients do."""
    address = urlsplit(server.url)
    head = f"POST {V1} HTTP/1.1\r\nhost: sms\r\ncontent-length: {100 << 20}\r\n\r\n".encode()
    with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
        connection.sendall(head)
        for _ in range(100):
            connection.sendall(b"a" * (1 << 20))
        assert connection.recv(1000).startswith(b"HTTP/1.1 413")


ENDLESS = {
    "a header that never ends": (b"x-a: ", b"a" * 4096),
    "headers that never end": (b"", b"x-a: b\r\n" * 512),
    "a path that never ends": (None, b"/a" * 2048),
    "trailers that never end": (b"transfer-encoding: chunked\r\n\r\n0\r\n", b"x-a: b\r\n" * 512),
}


@pytest.mark.parametrize(("start", "part"), ENDLESS.values(), ids=ENDLESS.keys())
def test_what_is_no_body_is_not_taken_for_ever(server, start: bytes | None, part: bytes) -> None:
    address = urlsplit(server.url)
    with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
        line = b"POST /" if start is None else f"POST {V1} HTTP/1.1\r\nhost: sms\r\n".encode()
        connection.sendall(line + (start or b""))
        answer = send_until_answered(connection, part)

    assert answer.startswith(b"HTTP/1.1 431")


def send_until_answered(connection: socket.socket, part: bytes) -> bytes:
    for _ in range(1000):
        if select.select([connection], [], [], 0)[0]:
            return connection.recv(1000)
        try:
            connection.sendall(part)
        except ConnectionError:
            break  # hung up on; its answer is there to be read
    return connection.recv(1000)


def test_a_prediction_has_a_name_that_says_who_made_it(server) -> None:
    v1 = httpx.post(server.url + V1, json={"instances": ["w1"]})
    v2 = httpx.post(server.url + V2, json={"inputs": [TENSOR]})

    names = [v1.headers["x-prediction-id"], v2.json()["parameters"]["prediction_id"]]
    assert names == sorted(names)
    assert all("~1.0.0~" in name for name in names)


def test_predictions_are_published_without_their_inputs(serve, version: Artifact) -> None:
    server = serve(version, "--prediction_events=stdout")

    answer = httpx.post(server.url + V1, json={"instances": ["w1", "w2 w3"]}, headers={"x-request-id": "r-1"})
    server.wait_until(lambda: server.samples("sluice_events_sent_total")[""] == 2)

    lines = [line for line in server.log.read_text().splitlines() if '"specversion"' in line]
    events = [json.loads(line) for line in lines]
    name = answer.headers["x-prediction-id"]
    assert [event["id"] for event in events] == [f"{name}.0", f"{name}.1"]
    assert {event["data"]["digest"] for event in events} == {version.digest}
    assert [event["data"]["label"] for event in events] == [one["label"] for one in answer.json()["predictions"]]
    assert not any("w1" in line or "w2" in line for line in lines)


def test_what_is_not_http_is_refused(server) -> None:
    address = urlsplit(server.url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(b"\x16\x03\x01 nonsense\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 400")

    assert server.is_ready()


async def test_words_beyond_the_embeddings_fail_alone_and_the_server_lives_on(server) -> None:
    """A tokenizer that does not fit the embedding table, as when one of the two was updated without the other."""
    texts = ["w1 w2", "w3 strange", "w4"] * 20
    async with httpx.AsyncClient(base_url=server.url) as client:
        responses = await asyncio.gather(*(client.post(V1, json={"instances": [text]}) for text in texts))

    outcomes = {(("strange" in text), response.status_code) for text, response in zip(texts, responses, strict=True)}
    assert outcomes == {(False, 200), (True, 500)}
    failure = next(response for response in responses if response.status_code == 500)
    assert (
        failure.json()["error"]
        == "the model failed on this input: IndexError: the tokenizer made the id 50; the model has 50 embeddings"
    )
    assert failure.json()["code"] == "model_failed"
    assert failure.headers["x-model-version"] == "1.0.0"


async def test_every_request_is_counted_once_under_concurrency(server) -> None:
    kinds = [
        (V1, {"instances": ["w1", "w2"]}, {}, '{code="200",protocol="v1",traffic="live"}'),
        (
            V1,
            {"instances": ["w1", "w2"]},
            {"x-sluice-traffic": "shadow"},
            '{code="200",protocol="v1",traffic="shadow"}',
        ),
        (V1, {"instances": 1}, {}, '{code="400",protocol="v1",traffic="live"}'),
        (V1, {"instances": ["strange"]}, {}, '{code="500",protocol="v1",traffic="live"}'),
        (V2, {"inputs": [TENSOR]}, {}, '{code="200",protocol="v2",traffic="live"}'),
        ("/v2/models/other/infer", {"inputs": [TENSOR]}, {}, '{code="404",protocol="v2",traffic="live"}'),
    ]
    before = Counter(server.samples("sluice_requests_total"))
    durations = server.samples("sluice_request_duration_seconds_count")['{traffic="live"}']
    texts = sum(server.samples("sluice_predictions_total").values())

    async with httpx.AsyncClient(base_url=server.url) as client:
        await asyncio.gather(*(client.post(path, json=body, headers=headers) for path, body, headers, _ in kinds * 50))

    after = Counter(server.samples("sluice_requests_total"))
    assert after - before == {series: 50 for *_, series in kinds}
    assert server.samples("sluice_request_duration_seconds_count")['{traffic="live"}'] == durations + 250
    assert sum(server.samples("sluice_predictions_total").values()) == texts + 250
    assert server.samples("sluice_requests_in_flight") == {"": 0}
