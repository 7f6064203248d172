"""Clients of every kind, each of which asks one request after another and knows what it must be told.

They ask a version of `make_version`. Their texts differ in number and length, so that batches of every shape come up.
"""

from __future__ import annotations

import asyncio
import io
import json
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import grpc
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceStub

MODEL = "sms"
V1 = f"/v1/models/{MODEL}:predict"
V2 = f"/v2/models/{MODEL}/infer"
DEADLINE_SECONDS = 600
"""No request is to fail for a slow machine."""
JSON = {"content-type": "application/json"}


@dataclass(frozen=True, slots=True)
class Connections:
    """One client's ways to the server."""

    http: aiohttp.ClientSession
    grpc: GRPCInferenceServiceStub


Client = Callable[[Connections, int], Awaitable[None]]
"""Asks its n-th request and checks the answer."""


def texts(number: int) -> list[str]:
    """One to 16 texts of 1 to 200 words."""
    return [
        " ".join(f"w{1 + (number * word) % 49}" for word in range(1 + (number * 37 + place * 11) % 200))
        for place in range(1 + number % 16)
    ]


async def v1(to: Connections, number: int) -> None:
    asked = texts(number)
    async with to.http.post(V1, json={"instances": asked, "parameters": {"max_tokens": 1 + number % 256}}) as response:
        assert len((await told(response, 200))["predictions"]) == len(asked)


async def v2(to: Connections, number: int) -> None:
    asked = texts(number)
    tensor = {"name": "text", "datatype": "BYTES", "shape": [len(asked)], "data": asked}
    async with to.http.post(V2, json={"id": str(number), "inputs": [tensor]}) as response:
        assert (await told(response, 200))["id"] == str(number)


async def v2_binary(to: Connections, number: int) -> None:
    asked = texts(number)
    raw = as_tensor(asked)
    sizes = {"binary_data_size": len(raw)}
    tensor = {"name": "text", "datatype": "BYTES", "shape": [len(asked)], "parameters": sizes}
    head = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode()
    headers = {"content-type": "application/octet-stream", "Inference-Header-Content-Length": str(len(head))}
    async with to.http.post(V2, data=head + raw, headers=headers) as response:
        assert response.status == 200
        assert response.content_type == "application/octet-stream"
        await response.read()


async def rpc(to: Connections, number: int) -> None:
    asked = texts(number)
    answer = await to.grpc.ModelInfer(grpc_request(asked, raw=number % 2 == 0), timeout=DEADLINE_SECONDS)
    assert list(answer.outputs[0].shape) == [len(asked)]


async def bad(to: Connections, number: int) -> None:
    bodies = (b"{", b'{"instances":[NaN]}', b'{"instances":[1]}', b"[" * 10_000, b'{"instances":["\xff"]}', b"")
    body = bodies[number % len(bodies)]
    async with to.http.post(V1 if number % 2 else V2, data=body, headers=JSON) as response:
        await told(response, 400)


async def bad_rpc(to: Connections, number: int) -> None:
    request = grpc_request(texts(number), raw=False)
    request.inputs[0].shape[0] += 1
    try:
        await to.grpc.ModelInfer(request, timeout=DEADLINE_SECONDS)
    except grpc.aio.AioRpcError as error:
        assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    else:
        raise AssertionError("a false shape was accepted")


async def large(to: Connections, number: int) -> None:
    """A megabyte that is answered, four that are refused for what is in them, and five for their size."""
    text = "w1 " * 6_600
    instances, expected = (([text] * 50, 200), ([text * 200], 422), ([text] * 250, 413))[number % 3]
    try:
        body = io.BytesIO(json.dumps({"instances": instances}).encode())
        async with to.http.post(V1, data=body, headers=JSON) as response:
            await told(response, expected)
    except aiohttp.ClientConnectionError:
        assert expected == 413  # whose answer may be lost in what the client still sends


async def cancelled(to: Connections, number: int) -> None:
    try:
        async with asyncio.timeout(0.001 * (number % 40)):
            await v1(to, number)
    except TimeoutError:
        return


async def cancelled_rpc(to: Connections, number: int) -> None:
    call = to.grpc.ModelInfer(grpc_request(texts(number), raw=True))
    await asyncio.sleep(0.001 * (number % 40))
    call.cancel()
    await asyncio.wait([asyncio.ensure_future(call.code())])


async def scrape(to: Connections, _number: int) -> None:
    async with to.http.get("/metrics") as response:
        assert response.status == 200
        await response.read()
    await asyncio.sleep(0.1)


CLIENTS: tuple[Client, ...] = (
    *(v1, v1, v2, v2, v2_binary, rpc, rpc),
    *(bad, bad_rpc, large, cancelled, cancelled_rpc, scrape),
)


async def told(response: aiohttp.ClientResponse, status: int) -> Any:
    """Read an answer of JSON, which must have this status."""
    answer = await response.json()
    assert response.status == status, answer
    return answer


def as_tensor(asked: list[str]) -> bytes:
    """The raw bytes of a BYTES tensor."""
    return b"".join(struct.pack("<I", len(text)) + text.encode() for text in asked)


def grpc_request(asked: list[str], *, raw: bool) -> pb.ModelInferRequest:
    request = pb.ModelInferRequest(model_name=MODEL)
    tensor = request.inputs.add(name="text", datatype="BYTES", shape=[len(asked)])
    if raw:
        request.raw_input_contents.append(as_tensor(asked))
    else:
        tensor.contents.bytes_contents.extend(text.encode() for text in asked)
    return request
