"""Clients without manners, and the one with manners that must not notice them.

While anything hostile goes on, another client asks all the while: each of its requests must be answered, and the
server's two processes may never grow by more than 64 MiB, at their peak.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Self

import httpx

from tests.integration.predictor.memory import forget_peak, peak

V1 = "/v1/models/sms:predict"
V2 = "/v2/models/sms/infer"
MIB = 1 << 20
MOST_GROWTH = 64 * MIB
BOUND = 60.0
"""Seconds after which an answer, or the end of a connection, is no longer waited for."""


def open_connection(address: str) -> socket.socket:
    """Connect to `host:port`, to send what no client library would."""
    host, _, port = address.partition(":")
    return socket.create_connection((host, int(port)), timeout=BOUND)


def status(connection: socket.socket) -> int:
    """Status of an HTTP answer; 0 if the server hung up without one."""
    answer = b""
    with suppress(ConnectionError):
        while b"\r\n" not in answer and (received := connection.recv(65536)):
            answer += received
    return int(answer.split()[1]) if answer else 0


def connect(server) -> socket.socket:
    """Connect to the server's HTTP port."""
    return open_connection(server.url.removeprefix("http://"))


def send(connection: socket.socket, data: bytes) -> bool:
    """Send all, or what the server takes before it hangs up: it may have seen enough. Returns whether it took all."""
    try:
        connection.sendall(data)
    except ConnectionError:
        return False
    return True


def head(path: str, *headers: str) -> bytes:
    """The head of a POST of JSON."""
    lines = [f"POST {path} HTTP/1.1", "host: sms", "content-type: application/json", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def exchange(server, request: bytes) -> int:
    """Status of the answer to a request; 0 if the server hung up without one."""
    with closing(connect(server)) as connection:
        send(connection, request)
        return status(connection)


def post(server, path: str, body: bytes) -> int:
    """Status of the answer to a body of JSON."""
    return exchange(server, head(path, f"content-length: {len(body)}") + body)


class Bystander:
    """A client with nothing to hide, which asks again as soon as it is answered."""

    def __init__(self, url: str) -> None:
        """Prepare to ask a server at this URL; it begins when entered."""
        self.statuses: list[int] = []
        self._url = url + V1
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> Self:
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


def warmed_up(server) -> None:
    """See the server through what it allocates once, with its first requests: that is not growth."""
    with Bystander(server.url) as first:
        server.wait_until(lambda: len(first.statuses) >= 50)


@contextmanager
def unharmed(server) -> Iterator[None]:
    """Demand that what goes on meanwhile harms nobody else."""
    forget_peak(server.process.pid)
    before = peak(server.process.pid)
    with Bystander(server.url) as other:
        yield
        asked = len(other.statuses)
        server.wait_until(lambda: len(other.statuses) > asked)
    assert set(other.statuses) == {200}
    growth = peak(server.process.pid) - before
    assert growth < MOST_GROWTH, f"the server grew by {growth / MIB:.0f} MiB"
