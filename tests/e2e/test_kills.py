"""The operator's pod ends without grace, again and again, at moments that nobody chose; `make soak` runs it."""

import asyncio
import random

import pytest

from hack.demo import prepare, scene
from hack.demo.kube import Cluster
from hack.demo.performance import Performance
from hack.demo.report import outside
from tests.e2e.killer import OperatorKiller

STORIES = 2
MOST_SECONDS_BETWEEN_KILLS = 8.0


@pytest.mark.soak
@pytest.mark.timeout(STORIES * 600)
async def test_no_moment_is_a_bad_one_for_the_operator_to_die(cluster: Cluster) -> None:
    moments = random.Random(11)
    for _ in range(STORIES):
        await prepare.clean(cluster, scene.MODEL)
        killer = OperatorKiller(cluster)
        performance = Performance(cluster)
        killing = asyncio.create_task(_kill_at_random(killer, moments))
        recording = await performance.play()
        killing.cancel()
        await killer.finished()
        assert performance.failure == ""
        assert outside(recording, scene.CHAPTERS) == []
        assert killer.kills >= 10


async def _kill_at_random(killer: OperatorKiller, moments: random.Random) -> None:
    while True:
        await asyncio.sleep(moments.uniform(0.5, MOST_SECONDS_BETWEEN_KILLS))
        killer.kill()
