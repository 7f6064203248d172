"""kubectl-sluice as people run it, against a real API server and the real operator, in a world that is played."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from hack.testbed.controlplane import ControlPlane
from tests.integration.cli.people import Shell, install_people, kubeconfigs
from tests.integration.operator.stage import Stage, staged
from tests.integration.planes import stocked


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """An API server with our kinds, the chart's admission policies, and people with some of its roles."""
    with stocked(tmp_path_factory.mktemp("controlplane")) as (plane, runner):
        runner.run(install_people(plane))
        yield plane


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
