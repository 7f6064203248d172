"""What answers for the pods of the played world: one server, in which each pod has an address of its own."""

import contextlib
import ipaddress
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web

_FIRST = int(ipaddress.IPv4Address("127.64.0.1"))
_TRAFFIC = "x-sluice-traffic"
RIGHT, WRONG = "right", "wrong"
"""The label that every prediction has."""


class Pods:
    """The server. A pod answers at once and rightly, and tells no calibration, unless a test says otherwise."""

    def __init__(self) -> None:
        self._versions: dict[str, str] = {}
        self.port = 0
        self.wrong: set[str] = set()
        """Versions that predict something else."""
        self.busy: set[str] = set()
        """Versions that answer 503."""
        self.calibrations: dict[str, Any] = {}
        """What a version says that it was calibrated with."""
        self.asked: Counter[str] = Counter()
        """Requests for predictions, by version."""
        self.live: list[str] = []
        """Paths of requests that were not marked as synthetic, so that they would count as evidence."""

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator["Pods"]:
        """Answer while the block runs."""
        app = web.Application()
        app.router.add_get("/v2/models/{model}/calibration", self._calibration)
        app.router.add_post("/v1/models/{model}:predict", self._predict)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "0.0.0.0", 0, backlog=1024)  # noqa: S104 - the only way to all of 127.0.0.0/8
            await site.start()
            self.port = runner.addresses[0][1]
            yield self
        finally:
            await runner.cleanup()

    def place(self, version: str) -> str:
        """The address of one more pod of a version."""
        ip = str(ipaddress.IPv4Address(_FIRST + len(self._versions)))
        self._versions[ip] = version
        return ip

    def _version(self, request: web.Request) -> str:
        if request.headers.get(_TRAFFIC) != "synthetic":
            self.live.append(request.path)
        sockname = request.transport.get_extra_info("sockname") if request.transport is not None else ("",)
        return self._versions.get(sockname[0], "")

    async def _calibration(self, request: web.Request) -> web.Response:
        told = self.calibrations.get(self._version(request))
        return web.json_response({"error": "no such path"}, status=404) if told is None else web.json_response(told)

    async def _predict(self, request: web.Request) -> web.Response:
        version = self._version(request)
        self.asked[version] += 1
        if version in self.busy:
            return web.json_response({"error": "busy"}, status=503)
        label = WRONG if version in self.wrong else RIGHT
        body = await request.json()
        return web.json_response({"predictions": [{"label": label} for _ in body["instances"]]})
