"""A model's server that resets the connection of every third request, and whose own counters know nothing of it.

It runs in a pod, from the words of this file: the standard library is all that it has, and no two opening braces may
follow each other, because KServe takes them for a place to fill in.
"""

import itertools
import json
import socket
import struct
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT = 8080
EVERY = 3
_METRICS = """\
# TYPE sluice_requests_total counter
sluice_requests_total{protocol="v1",code="200",traffic="live"} %d
"""


class Server(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    asked = itertools.count(1)
    answered = 0

    def do_GET(self) -> None:
        if self.path == "/metrics":
            self._answer((_METRICS % Server.answered).encode(), kind="text/plain; version=0.0.4")
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        if next(Server.asked) % EVERY == 0:
            self._reset()
            return
        Server.answered += 1
        self._answer(json.dumps({"predictions": [{"label": "other"}]}).encode(), kind="application/json")

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _answer(self, body: bytes, *, kind: str) -> None:
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _reset(self) -> None:
        """Close without a word, and so that what was sent is thrown away."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()


if __name__ == "__main__":
    ThreadingHTTPServer(("", PORT), Server).serve_forever()
