"""People elsewhere are told what becomes of a version: signed, once each, and without holding anything up."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from hack.testbed.controlplane import ControlPlane, free_port
from sluice_operator.controller.webhook import key_of, signature
from tests.integration.operator.stage import SECONDS, Stage, staged

KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PATH = "/hooks/nobody-may-know-this"
TOLD = ["Promoted", "RolledBack"]


class Receiver:
    """Somebody's server, which is out of order when it is first asked."""

    def __init__(self) -> None:
        self.got: list[tuple[str, str, str]] = []
        """Id, reason and message of each notice that was taken, if its signature was right."""
        self.refused = 0
        self._came = asyncio.Condition()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if not self.refused:
            self.refused += 1
            return web.Response(status=503)
        content, said = await request.read(), request.headers
        timestamp = int(said["webhook-timestamp"])
        right = signature(key_of(KEY), id_=said["webhook-id"], timestamp=timestamp, content=content)
        if said["webhook-signature"] != right:
            return web.Response(status=401)
        data = json.loads(content)["data"]
        async with self._came:
            self.got.append((said["webhook-id"], data["reason"], data["message"]))
            self._came.notify_all()
        return web.Response(status=204)

    async def has(self, notices: int) -> None:
        """Wait until so many were taken."""
        try:
            async with asyncio.timeout(SECONDS), self._came:
                await self._came.wait_for(lambda: len(self.got) >= notices)
        except TimeoutError:
            raise AssertionError(f"not {notices} notices: {self.got}, refused {self.refused}") from None


@contextlib.asynccontextmanager
async def serving(receiver: Receiver) -> AsyncIterator[str]:
    """The receiver's address, for as long as the block runs."""
    app = web.Application()
    app.router.add_post(PATH, receiver.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}{PATH}"
    finally:
        await runner.cleanup()


@pytest.fixture
async def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
async def stage(control_plane: ControlPlane, tmp_path: Path, receiver: Receiver) -> AsyncIterator[Stage]:
    """A stage whose operator tells the receiver, and another where nobody listens."""
    async with serving(receiver) as url:
        told = []
        for name, address in {"oncall": url, "away": f"http://127.0.0.1:{free_port()}{PATH}"}.items():
            files = {"url_file": tmp_path / f"{name}-url", "key_file": tmp_path / f"{name}-key"}
            files["url_file"].write_text(address)
            files["key_file"].write_text(KEY)
            told.append({"name": name, "events": TOLD, **{of: str(file) for of, file in files.items()}})
        async with staged(control_plane, tmp_path, SLUICE_NOTIFICATIONS=json.dumps(told)) as made:
            yield made


async def test_each_promotion_and_rollback_is_told_once_with_the_reason(stage: Stage, receiver: Receiver) -> None:
    await stage.serves("sms", "1.0.0")
    await stage.apply("sms", "1.1.0")
    await stage.has_weight("sms-1.1.0", 10)
    stage.prometheus.break_version("sms", "1.1.0")
    await stage.reaches("sms-1.1.0", "RolledBack")
    await receiver.has(len(TOLD))

    assert [reason for _, reason, _ in receiver.got] == TOLD
    assert len({id_ for id_, _, _ in receiver.got}) == len(TOLD)
    assert stage.observer.status("sms-1.1.0")["decision"]["reason"] in receiver.got[1][2]
    assert receiver.refused == 1
    log = stage.operator.log()
    assert PATH not in log
    assert KEY.removeprefix("whsec_") not in log
