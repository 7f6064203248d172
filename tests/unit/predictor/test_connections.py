"""A connection ends when its client does not ask, does not finish asking, or does not read."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable

import orjson
import pytest
import uvicorn

from sluice_predictor import connections
from sluice_predictor.connections import Connection, HttpServer, JoinedWrites

BIG = 64 << 20
REQUEST = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nhi"

Connect = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


async def application(scope, receive, send) -> None:
    """Answers with the body it got, or with more than any buffer holds."""
    message = await receive()
    body = message["body"]
    while message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
    size = BIG if scope["path"] == "/big" else len(body)
    headers = [(b"content-length", str(size).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": bytes(BIG) if size == BIG else body})


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[HttpServer]:
    monkeypatch.setattr(connections, "RECEIVE_SECONDS", 0.3)
    left: list[str] = []

    async def closing() -> None:
        left.append("closing")

    config = uvicorn.Config(
        application,
        port=0,
        http=Connection,
        ws="none",
        lifespan="off",
        log_config=None,
        timeout_keep_alive=1,
        timeout_graceful_shutdown=5,
    )
    made = HttpServer(config, lameduck=0, on_leaving=lambda: left.append("leaving"), on_closing=closing)
    serving = asyncio.create_task(made.serve())
    await until(lambda: made.started)
    yield made
    made.handle_exit(15, None)
    await serving
    assert left == ["leaving", "closing"]


@pytest.fixture
async def connect(server: HttpServer) -> AsyncIterator[Connect]:
    port = server.servers[0].sockets[0].getsockname()[1]
    writers: list[asyncio.StreamWriter] = []

    async def connected() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writers.append(writer)
        return reader, writer

    yield connected
    for writer in writers:
        writer.transport.abort()
    await asyncio.sleep(0)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110  # uvicorn has no events for these
            await asyncio.sleep(0.005)


async def end(reader: asyncio.StreamReader) -> bytes:
    """Read until the server hangs up."""
    async with asyncio.timeout(30):
        return await reader.read()


def refusal(answer: bytes) -> tuple[int, str]:
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), orjson.loads(body)["code"]


async def test_a_client_that_never_asks_is_hung_up_on(connect: Connect) -> None:
    reader, _ = await connect()

    assert await end(reader) == b""


@pytest.mark.parametrize(
    "sent",
    [
        b"POST / HT",
        b"POST / HTTP/1.1\r\nhost: a\r\nx-slow: ",
        b"POST / HTTP/1.1\r\ncontent-length: 9\r\n\r\nhi",
        b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1\r\nh\r\n",
    ],
)
async def test_a_request_that_does_not_end_is_refused(connect: Connect, sent: bytes) -> None:
    reader, writer = await connect()
    writer.write(sent)

    assert refusal(await end(reader)) == (408, "request_timeout")


async def test_trickling_makes_no_request_last_longer(connect: Connect) -> None:
    reader, writer = await connect()
    writer.write(b"POST / HTTP/1.1\r\n")

    async def trickle() -> None:
        while True:
            writer.write(b"x-slow: 1\r\n")
            await asyncio.sleep(0.02)

    trickling = asyncio.create_task(trickle())
    # Not to the end: what trickles on meets a closed door, and the system says so to who reads on.
    async with asyncio.timeout(30):
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(int(re.findall(rb"content-length: (\d+)", head)[0]))
    trickling.cancel()

    assert refusal(head + body) == (408, "request_timeout")


async def test_a_client_that_does_not_read_its_answer_is_hung_up_on(connect: Connect, server: HttpServer) -> None:
    _, writer = await connect()
    writer.write(REQUEST.replace(b"POST /", b"POST /big"))
    await writer.drain()
    await until(lambda: server.server_state.total_requests == 1)

    # An orderly end would wait for ever for the client to read.
    await until(lambda: not server.server_state.connections)


async def test_a_connection_serves_request_after_request(connect: Connect) -> None:
    reader, writer = await connect()
    for _ in range(3):
        writer.write(REQUEST[:30])
        await asyncio.sleep(0)
        writer.write(REQUEST[30:])
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        assert await reader.readexactly(2) == b"hi"

    assert await end(reader) == b""


async def test_what_is_not_http_is_refused(connect: Connect) -> None:
    reader, writer = await connect()
    writer.write(b"\x16\x03\x01 nonsense\r\n\r\n")

    assert refusal(await end(reader)) == (400, "invalid_http")


class Wire(asyncio.Transport):
    """Keeps what is written to it, write by write."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []

    def write(self, data: bytes) -> None:  # type: ignore[override]
        self.writes.append(data)

    def close(self) -> None:
        self.writes.append(b"closed")


async def test_an_answers_head_and_body_are_one_write() -> None:
    wire = Wire()
    joined = JoinedWrites(wire, asyncio.get_running_loop())

    joined.write(b"head ")
    assert wire.writes == []
    joined.write(b"body")
    assert wire.writes == [b"head body"]


async def test_what_nothing_follows_is_written_in_the_next_turn() -> None:
    wire = Wire()
    joined = JoinedWrites(wire, asyncio.get_running_loop())

    joined.write(b"a")
    await asyncio.sleep(0)
    assert wire.writes == [b"a"]
    joined.write(b"b")
    joined.write(b"c")
    joined.write(b"d")
    joined.close()
    assert wire.writes == [b"a", b"bc", b"d", b"closed"]
    await asyncio.sleep(0)
    assert len(wire.writes) == 4
