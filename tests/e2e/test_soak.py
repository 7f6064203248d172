"""Versions come and go, good and bad, while the chart is upgraded and put back and operators are killed and stopped.

No client sees an error but those that a bad version answers itself. `make test` has the short form of it.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from hack.cluster.steps import write_whole
from hack.demo import measure
from hack.demo.kube import Cluster
from hack.demo.record import Answer
from hack.demo.traffic import Traffic
from hack.soak.figures import figures, outside
from hack.soak.page import SUMMARY
from tests.e2e.campaign import FIRST, play, promoted, taken_back
from tests.e2e.clients import clients
from tests.e2e.model import Model
from tests.e2e.release import Release, commit_before

FEW_REQUESTS, REQUESTS = 3_000, 50_000
RATE = 85.0
OUTAGE_S = 120


@pytest.fixture
async def release(cluster: Cluster) -> AsyncIterator[Release]:
    """The release, as it was before whatever the test does to it."""
    found = Release(cluster)
    yield found
    await found.install()


@pytest.fixture
async def from_before(release: Release, model: Model, tmp_path: Path) -> None:
    """The release as it was before the chart's last change, its operator too, with a model that serves."""
    await release.upgrade(await asyncio.to_thread(commit_before, tmp_path))
    await model.serves(FIRST)


async def without_operator(release: Release, *, seconds: float, replicas: int = 1) -> None:
    """Leave rollouts and clients alone for so long."""
    await release.scale(0)
    await asyncio.sleep(seconds)  # the outage is what is tried
    await release.scale(replicas)


def unexpected(model: Model, traffic: Traffic, *, bad: list[str]) -> list[Answer]:
    observer = model.observer
    return outside(traffic.answers, bad=bad, routes=observer.routes, services=observer.services)


@pytest.mark.usefixtures("from_before")
async def test_clients_see_only_what_bad_versions_answer_whatever_becomes_of_the_operator(
    model: Model, release: Release
) -> None:
    async def upgraded_and_away() -> None:
        await release.upgrade(replicas=2)
        await without_operator(release, seconds=10, replicas=2)

    async def leaderless_and_put_back() -> None:
        await release.kill_leader()
        await release.undo()

    async with clients(model) as traffic:
        bad = await play(model, [promoted(upgraded_and_away), taken_back(leaderless_and_put_back)])
        await traffic.more(max(100, FEW_REQUESTS - len(traffic.answers)))

    assert unexpected(model, traffic, bad=bad) == []
    assert len(traffic.answers) >= FEW_REQUESTS


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.usefixtures("from_before")
async def test_fifty_thousand_requests_across_ten_releases(model: Model, release: Release) -> None:
    chapters = [
        *(promoted(), taken_back()),
        *(promoted(release.upgrade), taken_back()),
        *(promoted(partial(without_operator, release, seconds=OUTAGE_S)), taken_back()),
        *(promoted(release.undo), taken_back()),
        *(promoted(), taken_back()),
    ]

    async with clients(model, rate=RATE, most=4 * REQUESTS) as traffic:
        bad = await play(model, chapters)
        await traffic.more(max(100, REQUESTS - len(traffic.answers)))

    failures = unexpected(model, traffic, bad=bad)
    done = {"promotions": len(chapters) - len(bad), "rollbacks": len(bad), "upgrades": 2, "outage_s": OUTAGE_S}
    found = figures(traffic.answers, failures=failures, held_back=traffic.held_back, counts=done)
    environment = measure.environment(kubernetes=await model.cluster.version())
    write_whole(SUMMARY, json.dumps({"figures": found, "environment": environment, "rows": []}, indent=2) + "\n")
    assert failures == []
    assert found["requests"] >= REQUESTS
