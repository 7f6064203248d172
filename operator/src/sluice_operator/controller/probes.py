"""Liveness, readiness and metrics over HTTP, on the event loop that they vouch for: a loop that hangs fails them.

Neither asks whether the API server or Prometheus can be reached: restarting the operator would not bring them back.
"""

from collections.abc import Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

PORT = 8080


async def serve(*, registry: CollectorRegistry, alive: Callable[[], bool], ready: Callable[[], bool]) -> web.AppRunner:
    """Serve /healthz, /readyz and /metrics until the runner is cleaned up."""

    async def healthz(_: web.Request) -> web.Response:
        return _answer(alive())

    async def readyz(_: web.Request) -> web.Response:
        return _answer(ready())

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", metrics)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, port=PORT).start()
    return runner


def _answer(good: bool) -> web.Response:
    return web.Response(text="ok" if good else "not yet", status=200 if good else 503)
