"""The test stand as the benchmark sets it up: many models at once, and an operator that is measured from outside."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hack.bench.errors import BenchError
from hack.cluster.paths import Paths
from hack.testbed.background import beside
from hack.testbed.client import MODEL_VERSIONS, Client, connected
from hack.testbed.controlplane import ADMINISTRATOR, OPERATOR, ControlPlane
from hack.testbed.installation import install
from hack.testbed.observer import Observer
from hack.testbed.operator import Operator
from hack.testbed.prometheus import Prometheus
from hack.testbed.world import World

AT_ONCE = 32
"""Objects that are applied side by side."""


@dataclass(frozen=True, slots=True)
class Stand:
    """What a part of the benchmark acts on and reads from."""

    plane: ControlPlane
    client: Client
    prometheus: Prometheus
    observer: Observer
    operator: Operator
    second: Operator
    """Not started: to take over when the first has ended."""

    async def apply(self, models: Iterable[str], version: str, rollout: dict[str, Any] | None = None) -> None:
        """Make this version of each model."""
        limit = asyncio.Semaphore(AT_ONCE)

        async def one(model: str) -> None:
            spec = {"model": model, "version": version, "source": {"storageUri": f"pvc://models/{model}/{version}"}}
            given = {} if rollout is None else {"rollout": rollout}
            async with limit:
                await self.client.create(
                    MODEL_VERSIONS, {"metadata": {"name": named(model, version)}, "spec": {**spec, **given}}
                )

        await asyncio.gather(*map(one, models))

    async def all_reach(self, models: Iterable[str], version: str, phase: str, *, seconds: float) -> None:
        """Wait until this version of each model is in a phase.

        Raises:
            BenchError: One is not in time.
        """
        missing = [named(model, version) for model in models]

        def all_there() -> bool:
            while missing and self.observer.phase(missing[-1]) == phase:
                missing.pop()
            return not missing

        if not await self.observer.until(all_there, seconds=seconds):
            status = self.observer.status(missing[-1])
            said = f"{status.get('phase')}, {status.get('message')}"
            raise BenchError(f"{missing[-1]} is not {phase} within {seconds:g} s: {said}")


def named(model: str, version: str) -> str:
    """Name of the ModelVersion."""
    return f"{model}-{version}"


@contextlib.asynccontextmanager
async def standing(
    paths: Paths, program: Path, *, interval: float, settings: Mapping[str, str] | None = None
) -> AsyncIterator[Stand]:
    """Have a fresh stand while the block runs.

    Args:
        paths: Of the checkout.
        program: What is etcd and kube-apiserver.
        interval: Seconds between two samples, and between two scrapes.
        settings: Further settings of the operator.
    """
    async with contextlib.AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sluice-bench-")))
        plane = stack.enter_context(ControlPlane(program=program, directory=directory).running())
        client = await stack.enter_async_context(connected(plane.url, plane.tls(ADMINISTRATOR)))
        await install(client, paths)
        prometheus = await stack.enter_async_context(Prometheus(scrape_seconds=interval).serving())
        await stack.enter_async_context(World(client).turning())
        observer = await stack.enter_async_context(Observer(client).watching())
        config = plane.kubeconfig(OPERATOR)
        log = paths.checkout / "build" / "bench" / "operator.log"
        for former in log.parent.glob("ledger-*.db*"):  # another cluster's, whose chain is not this one's
            former.unlink()
        operators = [
            Operator(
                kubeconfig=config,
                prometheus=prometheus.url,
                log=log,
                interval=interval,
                name=f"operator-{number}",
                settings=settings,
            )
            for number in range(2)
        ]
        stack.enter_context(operators[0].running())
        stack.callback(operators[1].kill)
        await stack.enter_async_context(beside(operators[0].kept(), operators[1].kept()))
        yield Stand(plane, client, prometheus, observer, *operators)
