"""The operator as a process of its own against a real API server and etcd, in a world that is played."""

import gc
import warnings
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path

import pytest

from hack.testbed.controlplane import ControlPlane
from tests.integration.operator.stage import Stage, staged
from tests.integration.planes import stocked


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """An API server with our kinds, KServe's and the Gateway API's; what is missing of it is built."""
    with stocked(tmp_path_factory.mktemp("controlplane")) as (plane, _):
        yield plane


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
