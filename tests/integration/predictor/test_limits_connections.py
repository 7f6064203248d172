"""A client that sends for ever, never reads or only connects costs the server little and the others nothing."""

import json
import resource
import select
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from itertools import count

import pytest

from sluice_predictor.artifact import Artifact
from tests.integration.predictor.hostility import (
    BOUND,
    MIB,
    V1,
    V2,
    connect,
    head,
    post,
    send,
    status,
    unharmed,
    warmed_up,
)


@pytest.fixture(scope="module")
def target(serve, version: Artifact):
    server = serve(version)
    warmed_up(server)
    return server


@pytest.fixture(autouse=True)
def nobody_else_notices(target) -> Iterator[None]:
    with unharmed(target):
        yield


@pytest.mark.parametrize("path", [V1, V2])
def test_a_body_of_a_hundred_megabytes_is_refused(target, path: str) -> None:
    with closing(connect(target)) as connection:
        send(connection, head(path, f"content-length: {100 * MIB}"))
        assert send_until_answered(connection, b"a" * MIB, times=100) == 413


@pytest.mark.parametrize("path", [V1, V2])
def test_a_body_of_a_hundred_megabytes_of_unknown_length_is_refused(target, path: str) -> None:
    chunk = b"%x\r\n" % MIB + b"a" * MIB + b"\r\n"
    with closing(connect(target)) as connection:
        send(connection, head(path, "transfer-encoding: chunked"))
        assert send_until_answered(connection, chunk, times=100) == 413


def send_until_answered(connection: socket.socket, part: bytes, *, times: int) -> int:
    for _ in range(times):
        if select.select([connection], [], [], 0)[0] or not send(connection, part):
            break
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
        open_ones = {connection for connection in open_ones if send(connection, part(turn))}
        if not open_ones:
            break
    return said


def test_a_client_that_never_ends_its_headers_is_hung_up_on(target) -> None:
    with ExitStack() as stack:
        connections = [stack.enter_context(closing(connect(target))) for _ in range(100)]
        for connection in connections:
            send(connection, b"POST /v1/models/sms:predict HTTP/1.1\r\nhost: sms\r\n")

        assert trickle(connections, lambda turn: b"x-%d: a\r\n" % turn) <= {0, 400, 408}


def test_a_client_that_never_ends_its_body_is_hung_up_on(target) -> None:
    with ExitStack() as stack:
        connections = [stack.enter_context(closing(connect(target))) for _ in range(100)]
        for connection in connections:
            send(connection, head(V1, "content-length: 100000") + b'{"instances": ["')

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
