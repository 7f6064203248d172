"""Whatever a client sends, the front answers it, never with a server error, and counts it once."""

import asyncio
import json
import string
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sluice_predictor.protocol.front import Front
from sluice_predictor.protocol.http import Message, Receive, Scope, Send
from sluice_predictor.protocol.inference import Inference

V1 = "/v1/models/sms:predict"
V2 = "/v2/models/sms/infer"

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=6), children, max_size=3),
    max_leaves=6,
)
documents = st.fixed_dictionaries(
    {},
    optional={
        "instances": json_values | st.lists(st.text(max_size=10), min_size=1, max_size=3),
        "inputs": json_values | st.just([{"name": "text", "datatype": "BYTES", "shape": [1], "data": ["a"]}]),
        "outputs": json_values | st.just([{"name": "score", "parameters": {"binary_data": True}}]),
        "parameters": json_values,
        "id": json_values,
    },
).map(lambda document: json.dumps(document).encode())
bodies = st.lists(documents | st.binary(max_size=60), max_size=3)
values = st.text(string.printable, max_size=20).map(str.encode) | st.binary(max_size=20)
header_names = st.sampled_from(
    [
        b"content-type",
        b"content-length",
        b"content-encoding",
        b"inference-header-content-length",
        b"x-request-id",
        b"x-sluice-traffic",
        b"x-envoy-expected-rq-timeout-ms",
    ]
)
header_values = st.sampled_from(
    [b"application/json", b"application/octet-stream", b"gzip", b"0", b"16", b"-1", b"shadow"]
)
headers = st.lists(st.tuples(header_names, header_values | values), max_size=4)
paths = st.sampled_from([V1, V2, "/v2/models/sms/versions/1.0.0/infer", "/metrics", "/v2"]) | st.text(max_size=30).map(
    lambda text: "/" + text
)
methods = st.sampled_from(["POST"] * 6 + ["GET", "HEAD", "OPTIONS", "PUT", "BREW"])


async def kserve(scope: Scope, receive: Receive, send: Send) -> None:
    del scope, receive
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"from kserve"})


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=500, deadline=None)
@given(method=methods, path=paths, headers=headers, parts=bodies, hangs_up=st.booleans())
def test_any_request_is_answered_and_no_fault_of_the_server(
    runner: asyncio.Runner, inference: Inference, counted, method, path, headers, parts, hangs_up
) -> None:
    before = sum(counted().values())
    scope = {"type": "http", "method": method, "path": path, "headers": headers}
    sent = runner.run(exchange(Front(kserve, inference), scope, parts, hangs_up=hangs_up))

    inference_requests = sum(counted().values()) - before
    assert inference_requests in (0, 1)
    if not sent:
        assert hangs_up
        assert inference_requests == 1
        return
    start, *rest = sent
    assert start["status"] < 500
    if start["status"] >= 400:
        told = json.loads(b"".join(message["body"] for message in rest))
        assert told["error"]
        assert told["code"]
        assert told["requestId"]
    for _, value in start["headers"]:
        assert value.isascii()
        assert b"\r" not in value
        assert b"\n" not in value


async def exchange(front: Front, scope: Scope, parts: list[bytes], *, hangs_up: bool) -> list[Message]:
    """Send a body in parts and, if the client hangs up, never its end."""
    sent: list[Message] = []
    left = [*parts, b""]

    async def receive() -> Message:
        if hangs_up and len(left) == 1:
            left.clear()
        if not left:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    async def send(message: Message) -> None:
        sent.append(message)

    await front(scope, receive, send)
    return sent
