"""An API server on loopback that answers what a test tells it to, and remembers what it was asked."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from kubernetes.aio.client import ApiClient, Configuration

from sluice_operator.kube.gateway import Gateway, Resource

WIDGETS = Resource("demo.example.com", "v1", "widgets")


@dataclass
class Asked:
    method: str
    path: str
    query: dict[str, str]
    content_type: str
    body: Any


@dataclass
class ScriptedApi:
    """Answers in turn; the last one for ever."""

    answers: list[Callable[[web.Request], Awaitable[web.StreamResponse]]] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        self.asked.append(
            Asked(
                method=request.method,
                path=request.path,
                query=dict(request.query),
                content_type=request.headers.get("Content-Type", ""),
                body=json.loads(raw) if raw else None,
            )
        )
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return await answer(request)


def says(body: Any, *, status: int = 200) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def answer(_: web.Request) -> web.StreamResponse:
        if isinstance(body, str):
            return web.Response(text=body, status=status, content_type="text/html")
        return web.json_response(body, status=status)

    return answer


def refuses(status: int, message: str = "no") -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    return says({"kind": "Status", "status": "Failure", "code": status, "message": message}, status=status)


def streams(*events: Any, then: Callable[[], Awaitable[Any]] | None = None, cut: bool = False) -> Any:
    """A watch: these events, then whatever `then` waits for, then an orderly end or a cut."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        for event in events:
            await response.write(json.dumps(event).encode() + b"\n")
        if then is not None:
            await then()
        if cut and request.transport is not None:
            request.transport.abort()
            return response
        await response.write_eof()
        return response

    return answer


def widget(name: str, version: int, **meta: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "default", "resourceVersion": str(version), **meta}}


def page(*items: Any, version: int = 100, more: str = "") -> Any:
    return says({"metadata": {"resourceVersion": str(version), "continue": more}, "items": list(items)})


@asynccontextmanager
async def serving(api: ScriptedApi, **asked: Any) -> AsyncIterator[Gateway]:
    """The gateway to a scripted API server; `asked` is what else it is to be given."""
    app = web.Application()
    app.router.add_route("*", "/{any:.*}", api.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        configuration = Configuration(host=f"http://127.0.0.1:{runner.addresses[0][1]}")
        async with ApiClient(configuration) as client:
            yield Gateway(client, **asked)
    finally:
        await runner.cleanup()
