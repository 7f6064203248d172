"""A server on this machine for what the demo asks over HTTP."""

import pytest
from aiohttp import web


@pytest.fixture
async def serve():
    """Serve one handler for POST at a path; gives the server's URL without the path."""
    runners = []

    async def start(path, handler):
        app = web.Application()
        app.router.add_post(path, handler)
        runner = web.AppRunner(app)
        await runner.setup()
        runners.append(runner)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    yield start
    for runner in runners:
        await runner.cleanup()
