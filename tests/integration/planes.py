"""The API servers of integration tests."""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path

from hack.cluster.paths import default_paths
from hack.testbed.client import connected
from hack.testbed.controlplane import ADMINISTRATOR, ControlPlane
from hack.testbed.installation import built, install


@contextlib.contextmanager
def stocked(directory: Path) -> Iterator[tuple[ControlPlane, asyncio.Runner]]:
    """An API server with our kinds, KServe's and the Gateway API's, and a loop to do more on it."""
    plane = ControlPlane(program=built(default_paths()), directory=directory)
    # A loop of its own: `asyncio.run` would take the tests' away.
    with plane.running(), asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(_install(plane))
        yield plane, runner


async def _install(plane: ControlPlane) -> None:
    async with connected(plane.url, plane.tls(ADMINISTRATOR)) as client:
        await install(client, default_paths())
