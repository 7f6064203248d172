"""Over gRPC, too, a hostile client gets its own fault told or is hung up on, and nobody else notices."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress

import grpc
import pytest
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb

from sluice_predictor.artifact import Artifact
from tests.integration.predictor.hostility import BOUND, MIB, open_connection, unharmed, warmed_up

CLIENTS_FAULT = {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.OUT_OF_RANGE}


@pytest.fixture(scope="module")
def target(serve, version: Artifact):
    server = serve(version)
    warmed_up(server)
    assert infer(server, message()) == grpc.StatusCode.OK
    return server


@pytest.fixture(autouse=True)
def nobody_else_notices(target) -> Iterator[None]:
    with unharmed(target):
        yield


def infer(server, body: bytes) -> grpc.StatusCode:
    """Status of the answer to the bytes of a ModelInferRequest."""
    options = [("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(server.grpc, options=options) as channel:
        ask = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
        try:
            ask(body, timeout=BOUND)
        except grpc.RpcError as error:
            return error.code()
    return grpc.StatusCode.OK


def message(*, raw: list[bytes] | None = None, **tensor: object) -> bytes:
    whole = {"name": "text", "datatype": "BYTES", "shape": [1]} | tensor
    if raw is None and "contents" not in whole:
        whole["contents"] = pb.InferTensorContents(bytes_contents=[b"w1"])
    request = pb.ModelInferRequest(model_name="sms", inputs=[whole], raw_input_contents=raw or [])
    return bytes(request.SerializeToString())


def many_tensors(count: int) -> bytes:
    # An empty tensor is two bytes: the field's number and a length of 0.
    return bytes(pb.ModelInferRequest(model_name="sms").SerializeToString()) + b"\x2a\x00" * count


MESSAGES = {
    "no message": b"\xff" * 1000,
    "zeroes": b"\0" * 1000,
    "a size beyond memory": message(shape=[2**62]),
    "sizes whose product is beyond memory": message(shape=[2**31, 2**31, 2**31]),
    "a size below zero": message(shape=[-1]),
    "a hundred thousand dimensions": message(shape=[1] * 100_000),
    "numbers for texts": message(datatype="FP32", contents=pb.InferTensorContents(fp32_contents=[float("nan")])),
    "a text that is not UTF-8": message(contents=pb.InferTensorContents(bytes_contents=[b"\xc3\x28"])),
    "no texts": message(shape=[0], contents=pb.InferTensorContents()),
    "raw bytes that are not UTF-8": message(raw=[b"\x02\x00\x00\x00\xc3\x28"]),
    "a raw text of four gigabytes": message(raw=[b"\xff\xff\xff\xff"]),
    "raw bytes after the last text": message(raw=[b"\x02\x00\x00\x00w1w1"]),
    "raw bytes for no tensor": message(raw=[b"\x02\x00\x00\x00w1"] * 1000),
    "half a million tensors": many_tensors(500_000),
    "fifty million tensors": many_tensors(50_000_000),
    "a text of a hundred megabytes": message(contents=pb.InferTensorContents(bytes_contents=[b"a" * 100 * MIB])),
}


@pytest.mark.parametrize("body", MESSAGES.values(), ids=MESSAGES.keys())
def test_a_hostile_message_is_the_clients_fault(target, body: bytes) -> None:
    assert infer(target, body) in CLIENTS_FAULT


def test_a_thousand_idle_connections_are_carried(target) -> None:
    """Half of them say nothing at all, half of them speak HTTP/2 and ask nothing."""
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\x04\0\0\0\0\0"
    with ExitStack() as stack:
        for number in range(1000):
            connection = stack.enter_context(closing(open_connection(target.grpc)))
            if number % 2:
                connection.sendall(preface)
        assert infer(target, message()) == grpc.StatusCode.OK


def test_what_is_not_http2_is_hung_up_on(target) -> None:
    with closing(open_connection(target.grpc)) as connection:
        connection.sendall(b"POST /v1/models/sms:predict HTTP/1.1\r\nhost: sms\r\n\r\n")
        # It ends, or reading times out and fails.
        with suppress(ConnectionError):
            while connection.recv(65536):
                pass
