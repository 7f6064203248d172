"""Whatever one client sends, it gets a 4xx or is hung up on; the server stays small and the others are answered.

Around every test another client asks all the while: each of its requests must be answered, and the server's two
processes may never grow by more than 64 MiB, at their peak.
"""

import json
import resource
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from itertools import count

import httpx
import pytest

from sluice_predictor.artifact import Artifact
from tests.integration.predictor.memory import forget_peak, peak

V1 = "/v1/models/sms:predict"
V2 = "/v2/models/sms/infer"
MIB = 1 << 20
MOST_GROWTH = 64 * MIB
BOUND = 60.0
"""Seconds after which an answer, or the end of a connection, is no longer waited for."""


class Bystander:
    """A client with nothing to hide, which asks again as soon as it is answered."""

    def __init__(self, url: str) -> None:
        self.statuses: list[int] = []
        self._url = url + V1
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> "Bystander":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _ask(self) -> None:
        with httpx.Client(timeout=BOUND) as client:
            while not self._stop.wait(0.01):
                try:
                    self.statuses.append(client.post(self._url, json={"instances": ["w1 w2"]}).status_code)
                except httpx.TransportError:
                    self.statuses.append(0)


@pytest.fixture(scope="module")
def target(serve, version: Artifact):
    server = serve(version)
    with Bystander(server.url) as first:
        # What is allocated once, by the first requests, is not growth.
        server.wait_until(lambda: len(first.statuses) >= 50)
    return server


@pytest.fixture(autouse=True)
def nobody_else_notices(target) -> Iterator[None]:
    forget_peak(target.process.pid)
    before = peak(target.process.pid)
    with Bystander(target.url) as other:
        yield
        asked = len(other.statuses)
        target.wait_until(lambda: len(other.statuses) > asked)
    assert set(other.statuses) == {200}
    assert peak(target.process.pid) - before < MOST_GROWTH


def connect(server) -> socket.socket:
    host, _, port = server.url.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), timeout=BOUND)


def head(path: str, *headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "host: sms", "content-type: application/json", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def status(connection: socket.socket) -> int:
    """Status of the answer; 0 if the server hung up without one."""
    answer = b""
    with suppress(ConnectionError):
        while b"\r\n" not in answer and (received := connection.recv(65536)):
            answer += received
    return int(answer.split()[1]) if answer else 0


def exchange(server, request: bytes) -> int:
    with closing(connect(server)) as connection:
        with suppress(ConnectionError):  # it may have seen enough; its answer is there to be read
            connection.sendall(request)
        return status(connection)


def post(server, path: str, body: bytes) -> int:
    return exchange(server, head(path, f"content-length: {len(body)}") + body)


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


@pytest.mark.parametrize("path", [V1, V2])
def test_a_body_of_a_hundred_megabytes_is_refused(target, path: str) -> None:
    with closing(connect(target)) as connection:
        connection.sendall(head(path, f"content-length: {100 * MIB}"))
        assert send_until_answered(connection, b"a" * MIB, times=100) == 413


@pytest.mark.parametrize("path", [V1, V2])
def test_a_body_of_a_hundred_megabytes_of_unknown_length_is_refused(target, path: str) -> None:
    chunk = b"%x\r\n" % MIB + b"a" * MIB + b"\r\n"
    with closing(connect(target)) as connection:
        connection.sendall(head(path, "transfer-encoding: chunked"))
        assert send_until_answered(connection, chunk, times=100) == 413


def send_until_answered(connection: socket.socket, part: bytes, *, times: int) -> int:
    with suppress(ConnectionError):  # hung up on; its answer is there to be read
        for _ in range(times):
            if select.select([connection], [], [], 0)[0]:
                break
            connection.sendall(part)
    return status(connection)


def test_large_bodies_that_never_end_do_not_pile_up(target) -> None:
    """Each stops one byte short of its end, so that the server has to keep, or to refuse, what it has got."""
    body = head(V1, f"content-length: {3 * MIB}") + b" " * (3 * MIB - 1)
    with ExitStack() as stack:
        connections = [stack.enter_context(closing(connect(target))) for _ in range(100)]
        unsent = dict.fromkeys(connections, memoryview(body))
        # Until all is sent, or the server takes no more of it.
        while writable := select.select([], list(unsent), [], 0.5)[1]:
            for connection in writable:
                try:
                    unsent[connection] = unsent[connection][connection.send(unsent[connection][:65536]) :]
                except ConnectionError:
                    unsent[connection] = memoryview(b"")
                if not unsent[connection]:
                    del unsent[connection]
        assert post(target, V1, b'{"instances":["w1"]}') == 200


def trickle(connections: list[socket.socket], part: Callable[[int], bytes]) -> set[int]:
    """Send a little to each again and again until the server has ended all of them; what it said last to each."""
    open_ones = set(connections)
    said = set[int]()
    deadline = time.monotonic() + BOUND
    for turn in count():
        assert time.monotonic() < deadline, f"{len(open_ones)} slow connections are still served"
        readable, _, _ = select.select(list(open_ones), [], [], 0.1)
        for connection in readable:
            said.add(status(connection))
            open_ones.discard(connection)
        for connection in list(open_ones):
            try:
                connection.sendall(part(turn))
            except ConnectionError:
                open_ones.discard(connection)
        if not open_ones:
            break
    return said


def test_a_client_that_never_ends_its_headers_is_hung_up_on(target) -> None:
    with ExitStack() as stack:
        connections = [stack.enter_context(closing(connect(target))) for _ in range(100)]
        for connection in connections:
            connection.sendall(b"POST /v1/models/sms:predict HTTP/1.1\r\nhost: sms\r\n")

        assert trickle(connections, lambda turn: b"x-%d: a\r\n" % turn) <= {0, 400, 408}


def test_a_client_that_never_ends_its_body_is_hung_up_on(target) -> None:
    with ExitStack() as stack:
        connections = [stack.enter_context(closing(connect(target))) for _ in range(100)]
        for connection in connections:
            connection.sendall(head(V1, "content-length: 100000") + b'{"instances": ["')

        assert trickle(connections, lambda _: b"a") <= {0, 400, 408}


def test_a_client_that_never_reads_its_answers_is_no_load(target) -> None:
    """Answers to a client that takes none must not pile up in the server."""
    body = json.dumps({"instances": ["w1"] * 200}).encode()
    request = head(V1, f"content-length: {len(body)}") + body
    with ExitStack() as stack:
        connections = [stack.enter_context(closing(connect(target))) for _ in range(8)]
        for connection in connections:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.settimeout(2)
            try:
                for _ in range(500):
                    connection.sendall(request)
            except (TimeoutError, ConnectionError):
                continue  # it takes no more before its answers are read


def test_ten_thousand_idle_connections_are_carried(target) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        with ExitStack() as stack:
            for _ in range(min(10_000, hard - 1000)):
                stack.enter_context(closing(connect(target)))
            assert post(target, V1, b'{"instances":["w1"]}') == 200
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
