"""An HTTP proxy before the API server, by which single requests go wrong.

It speaks plain HTTP to the operator and is the operator to the API server, so it sees what is asked: requests may be
refused in the API server's place, or held back for as long as one likes, whatever becomes of who sent them. Watches are
passed on as they come.
"""

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass

import aiohttp
from aiohttp import web
from yarl import URL

_PASSED_ON = ("Content-Type", "Accept")
_RETURNED = ("Content-Type", "Retry-After")
_NO_LIMIT = 64 * 1024**2


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that came."""

    method: str
    path: str
    at: float
    """By the monotonic clock, in seconds."""


Suits = Callable[[Asked], bool]


class Held:
    """One request that is held back."""

    def __init__(self, suits: Suits) -> None:
        self.suits = suits
        self.came = asyncio.Event()
        self._go = asyncio.Event()
        self._status: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def let_go(self) -> int:
        """Pass it on; returns the status that the API server answers with."""
        self._go.set()
        return await self._status

    async def wait(self) -> None:
        """Hold the request that called this."""
        self.came.set()
        await self._go.wait()

    def answered(self, status: int) -> None:
        """Take note of what became of it."""
        if not self._status.done():
            self._status.set_result(status)


@dataclass(frozen=True, slots=True)
class _Refusal:
    status: int
    suits: Suits
    headers: Mapping[str, str]

    def answer(self) -> web.Response:
        said = {"kind": "Status", "status": "Failure", "code": self.status, "message": "a bad day"}
        return web.json_response(said, status=self.status, headers=self.headers)


class HttpProxy:
    """The proxy.

    Args:
        server: URL of the API server.
        tls: What connects to it as the operator.
    """

    def __init__(self, server: str, tls: ssl.SSLContext) -> None:
        self._server = server
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None
        self._refusal: _Refusal | None = None
        self._held: Held | None = None
        self._watches: set[asyncio.Transport] = set()
        self._changed = asyncio.Condition()
        self.refused: list[Asked] = []
        """What was refused since refusing began."""
        self.url = ""

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator["HttpProxy"]:
        """Take requests while the block runs."""
        app = web.Application(client_max_size=_NO_LIMIT)
        app.router.add_route("*", "/{any:.*}", self._handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        connector = aiohttp.TCPConnector(ssl=self._tls, limit=0)
        try:
            async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout()) as self._session:
                yield self
                self.cut()
        finally:
            await runner.cleanup()

    def cut(self) -> None:
        """Reset every watch."""
        for transport in self._watches:
            transport.abort()

    def refuse(self, status: int, suits: Suits, **headers: str) -> None:
        """Answer requests that suit with a status from now on, and end the watches that are open."""
        self.refused = []
        self._refusal = _Refusal(status, suits, {name.replace("_", "-"): value for name, value in headers.items()})
        self.cut()

    def refuse_nothing(self) -> None:
        """Pass everything on again."""
        self._refusal = None

    async def has_refused(self, times: int, *, seconds: float) -> None:
        """Wait until so many requests were refused, the last so long after the first."""

        def has() -> bool:
            refused = self.refused
            return len(refused) >= times and refused[-1].at - refused[0].at >= seconds

        async with self._changed:
            await self._changed.wait_for(has)

    def hold(self, suits: Suits) -> Held:
        """Hold the next request that suits."""
        self._held = Held(suits)
        return self._held

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        asked = Asked(method=request.method, path=request.path, at=time.monotonic())
        if self._refusal is not None and self._refusal.suits(asked):
            async with self._changed:
                self.refused.append(asked)
                self._changed.notify_all()
            return self._refusal.answer()
        held = self._held
        if held is None or not held.suits(asked):
            return await self._pass_on(request, body)
        self._held = None
        await held.wait()
        answer = await self._pass_on(request, body)
        held.answered(answer.status)
        return answer

    async def _pass_on(self, request: web.Request, body: bytes) -> web.StreamResponse:
        assert self._session is not None  # noqa: S101 - nothing is asked before it serves
        headers = {name: request.headers[name] for name in _PASSED_ON if name in request.headers}
        url = URL(f"{self._server}{request.raw_path}", encoded=True)
        try:
            async with self._session.request(request.method, url, data=body or None, headers=headers) as answer:
                told = {name: answer.headers[name] for name in _RETURNED if name in answer.headers}
                if "watch" in request.query:
                    return await self._stream(request, answer, told)
                return web.Response(status=answer.status, body=await answer.read(), headers=told)
        except aiohttp.ClientError as error:
            return web.json_response({"message": str(error)}, status=502)

    async def _stream(
        self, request: web.Request, answer: aiohttp.ClientResponse, headers: Mapping[str, str]
    ) -> web.StreamResponse:
        response = web.StreamResponse(status=answer.status, headers=headers)
        transport = request.transport
        if transport is None:
            return response
        self._watches.add(transport)
        try:
            with contextlib.suppress(OSError, aiohttp.ClientError):
                await response.prepare(request)
                async for piece in answer.content.iter_any():
                    await response.write(piece)
        finally:
            self._watches.discard(transport)
        return response
