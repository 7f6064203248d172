"""Whatever one client sends, it gets a 4xx or is hung up on; the server stays small and the others are answered."""

import json
from collections.abc import Iterator

import pytest

from sluice_predictor.artifact import Artifact
from tests.integration.predictor.hostility import MIB, V1, V2, exchange, head, post, unharmed, warmed_up


@pytest.fixture(scope="module")
def target(serve, version: Artifact):
    server = serve(version)
    warmed_up(server)
    return server


@pytest.fixture(autouse=True)
def nobody_else_notices(target) -> Iterator[None]:
    with unharmed(target):
        yield


def v2(**tensor: object) -> bytes:
    whole = {"name": "text", "datatype": "BYTES", "shape": [1], "data": ["w1"]} | tensor
    return json.dumps({"inputs": [whole]}).encode()


DEEP = b"[" * 1_000_000 + b"]" * 1_000_000
MANY = 1_000_000

V1_BODIES = {
    "a million brackets, one in the other": b'{"instances":' + DEEP + b"}",
    "a million objects, one in the other": b'{"instances":' + b'{"a":' * 700_000,
    "brackets that never close": b"[" * 4_000_000,
    "a million empty objects": b'{"instances":[' + b",".join([b"{}"] * MANY) + b"]}",
    "a million empty arrays": b'{"instances":[' + b",".join([b"[]"] * MANY) + b"]}",
    "a million numbers": b'{"instances":[' + b",".join([b"1"] * MANY) + b"]}",
    "a million keys": b"{" + b",".join(b'"%d":0' % number for number in range(300_000)) + b"}",
    "a number of a million digits": b'{"instances":[' + b"9" * MANY + b"]}",
    "NaN": b'{"instances":[NaN]}',
    "Infinity": b'{"instances":[Infinity]}',
    "NaN as a parameter": b'{"instances":["w1"],"parameters":{"threshold":NaN}}',
    "a parameter beyond every float": b'{"instances":["w1"],"parameters":{"threshold":1e999}}',
    "a parameter beyond every integer": b'{"instances":["w1"],"parameters":{"top_k":%s}}' % (b"9" * 400),
    "bytes that are not UTF-8": b'{"instances":["\xff\xfe"]}',
    "half of a surrogate pair": b'{"instances":["\\ud800"]}',
    "a text of four million characters": b'{"instances":["' + b"a" * 4_000_000 + b'"]}',
    "nothing": b"",
    "zeroes": b"\0" * MANY,
}


@pytest.mark.parametrize("body", V1_BODIES.values(), ids=V1_BODIES.keys())
def test_a_hostile_v1_body_is_the_clients_fault(target, body: bytes) -> None:
    assert 400 <= post(target, V1, body) < 500


V2_BODIES = {
    "a million brackets, one in the other": b'{"inputs":' + DEEP + b"}",
    "nested data": b'{"inputs":[{"name":"text","datatype":"BYTES","shape":[1],"data":' + DEEP + b"}]}",
    "a size beyond memory": v2(shape=[10**15]),
    "a size beyond 64 bits": v2(shape=[2**64]),
    "sizes whose product is beyond memory": v2(shape=[2**31, 2**31, 2**31]),
    "a size below zero": v2(shape=[-1]),
    "a size that is a fraction": v2(shape=[1.5]),
    "a million dimensions": v2(shape=[1] * MANY),
    "a million dimensions of nothing": v2(shape=[0] * MANY, data=[]),
    "more data than its shape says": v2(data=["w1"] * 100_000),
    "numbers for texts": v2(datatype="FP32", data=[1.0]),
    "a million inputs": b'{"inputs":[' + b",".join([b"{}"] * MANY) + b"]}",
    "a binary tensor that is not there": v2(parameters={"binary_data_size": 10**15}),
    "a binary tensor below zero": v2(parameters={"binary_data_size": -1}),
    "Infinity": b'{"inputs":[{"name":"text","datatype":"FP32","shape":[1],"data":[Infinity]}]}',
    "bytes that are not UTF-8": b'{"inputs":[{"name":"text","datatype":"BYTES","shape":[1],"data":["\xc3\x28"]}]}',
}


@pytest.mark.parametrize("body", V2_BODIES.values(), ids=V2_BODIES.keys())
def test_a_hostile_v2_body_is_the_clients_fault(target, body: bytes) -> None:
    assert 400 <= post(target, V2, body) < 500


BINARY = b'{"inputs":[{"name":"text","datatype":"BYTES","shape":[1],"parameters":{"binary_data_size":%d}}]}'
BINARY_TENSORS = {
    "a text that is longer than the tensor": b"\xff\xff\xff\x7f" + b"w1",
    "a text of four gigabytes": b"\xff\xff\xff\xff",
    "a text that is not UTF-8": b"\x02\x00\x00\x00\xc3\x28",
    "no length": b"\x01\x00",
    "bytes after the last text": b"\x02\x00\x00\x00w1w1",
    "nothing": b"",
}


@pytest.mark.parametrize("tensor", BINARY_TENSORS.values(), ids=BINARY_TENSORS.keys())
@pytest.mark.parametrize("claimed", ["its length", "too little", "too much", "far too much"])
def test_a_hostile_binary_tensor_is_the_clients_fault(target, tensor: bytes, claimed: str) -> None:
    size = {"its length": 0, "too little": -1, "too much": 1, "far too much": 10**18}[claimed] + len(tensor)
    document = BINARY % size
    headers = (f"content-length: {len(document + tensor)}", f"inference-header-content-length: {len(document)}")

    assert 400 <= exchange(target, head(V2, *headers) + document + tensor) < 500


@pytest.mark.parametrize("length", ["-1", "1e9", "99999999999999999999", "x"])
def test_a_hostile_length_of_the_json_part_is_the_clients_fault(target, length: str) -> None:
    body = v2()
    headers = (f"content-length: {len(body)}", f"inference-header-content-length: {length}")

    assert 400 <= exchange(target, head(V2, *headers) + body) < 500


HEADS = {
    "not HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 500 + b"\r\n\r\n",
    "a header of a megabyte": head(V1, "x-request-id: " + "a" * MIB),
    "a hundred thousand headers": head(V1, *(f"x-{number}: a" for number in range(100_000))),
    "a path of a megabyte": head("/" + "a" * MIB),
    "a path that is not UTF-8": head("/v1/models/\xff%ff%00:predict", "content-length: 0"),
    "a length that is no number": head(V1, "content-length: ten"),
    "a length below zero": head(V1, "content-length: -1"),
    "two lengths": head(V1, "content-length: 1", "content-length: 2") + b"{}",
    "a length and chunks": head(V1, "content-length: 2", "transfer-encoding: chunked") + b"0\r\n\r\n",
    "a chunk that is no chunk": head(V1, "transfer-encoding: chunked") + b"zz\r\n{}\r\n",
    "a compressed body": head(V1, "content-length: 2", "content-encoding: gzip") + b"\x1f\x8b",
}


@pytest.mark.parametrize("request_bytes", HEADS.values(), ids=HEADS.keys())
def test_a_hostile_head_is_refused_or_hung_up_on(target, request_bytes: bytes) -> None:
    answered = exchange(target, request_bytes)

    assert answered == 0 or 400 <= answered < 500


@pytest.mark.parametrize("path", [V1, V2])
def test_a_body_said_to_be_large_is_refused_before_it_is_sent(target, path: str) -> None:
    assert exchange(target, head(path, f"content-length: {100 * MIB}")) == 413
