"""kubectl-sluice as people run it, against a real API server and the real operator, in a world that is played."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from hack.cluster.paths import default_paths
from hack.testbed.client import connected
from hack.testbed.controlplane import ADMINISTRATOR, ControlPlane
from hack.testbed.installation import built, install
from tests.integration.cli.people import Shell, install_people, kubeconfigs
from tests.integration.operator.stage import Stage, staged


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """An API server with our kinds, the chart's admission policies, and people with some of its roles."""
    plane = ControlPlane(program=built(default_paths()), directory=tmp_path_factory.mktemp("controlplane"))
    # A loop of its own: `asyncio.run` would take the tests' away.
    with plane.running(), asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(_install(plane))
        yield plane


async def _install(plane: ControlPlane) -> None:
    async with connected(plane.url, plane.tls(ADMINISTRATOR)) as client:
        await install(client, default_paths())
    await install_people(plane)


@pytest.fixture
async def stage(control_plane: ControlPlane, tmp_path: Path) -> AsyncIterator[Stage]:
    """A stage of the test's own, with an operator at work."""
    async with staged(control_plane, tmp_path) as made:
        yield made


@pytest.fixture(scope="session")
def logins(control_plane: ControlPlane) -> dict[str, Path]:
    """The kubeconfig of each person."""
    return kubeconfigs(control_plane)


@pytest.fixture
def shell(logins: dict[str, Path], tmp_path: Path) -> Shell:
    """Where people run commands."""
    return Shell(logins, tmp_path)
