"""The operator as a process of its own against a real API server and etcd, in a world that is played."""

import asyncio
import gc
import warnings
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path

import pytest

from hack.cluster.paths import default_paths
from hack.testbed.client import connected
from hack.testbed.controlplane import ADMINISTRATOR, ControlPlane
from hack.testbed.installation import built, install
from tests.integration.operator.stage import Stage, staged


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """An API server with our kinds, KServe's and the Gateway API's; what is missing of it is built."""
    plane = ControlPlane(program=built(default_paths()), directory=tmp_path_factory.mktemp("controlplane"))
    # A loop of its own: `asyncio.run` would take the tests' away.
    with plane.running(), asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(_install(plane))
        yield plane


async def _install(plane: ControlPlane) -> None:
    async with connected(plane.url, plane.tls(ADMINISTRATOR)) as client:
        await install(client, default_paths())


@pytest.fixture
async def stage(control_plane: ControlPlane, tmp_path: Path) -> AsyncIterator[Stage]:
    """A stage of the test's own, with an operator at work."""
    async with staged(control_plane, tmp_path) as made:
        yield made


@pytest.fixture
async def clocked(control_plane: ControlPlane, tmp_path: Path) -> AsyncIterator[Stage]:
    """A stage of the test's own, whose operator has a clock of its own."""
    async with staged(control_plane, tmp_path) as made:
        made.operator.kill()
        made.operator.has_clock(tmp_path / "clock")
        made.operator.start()
        yield made


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown() -> Generator[None, object, object]:
    """Collect what aiohttp leaves behind when connecting is cancelled, before it is laid at another test's door."""
    result = yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
    return result
