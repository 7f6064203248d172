"""The demo's story with the operator killed at each of its steps: the same ends, and no error for a client."""

import asyncio

from hack.demo import prepare, scene
from hack.demo.kube import Cluster
from hack.demo.performance import Performance
from hack.demo.record import Mark
from hack.demo.report import outside, rows

KILLED_AT = ("phase", "weight")


class OperatorKiller:
    """Ends the operator's pod without grace at every change of a version's phase or weight."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = Cluster(cluster.kubeconfig, "sluice-system")
        self._tasks: set[asyncio.Task[str]] = set()
        self.kills = 0

    def __call__(self, mark: Mark) -> None:
        if mark.kind not in KILLED_AT:
            return
        self.kills += 1
        self._tasks.add(asyncio.create_task(self._kill()))

    async def _kill(self) -> str:
        return await self._cluster.kubectl(
            "delete", "pod", "--selector=app.kubernetes.io/component=operator", "--grace-period=0", "--force"
        )

    async def finished(self) -> None:
        await asyncio.gather(*self._tasks)


async def test_killing_the_operator_at_each_step_changes_no_outcome_and_costs_no_request(cluster: Cluster) -> None:
    await prepare.clean(cluster, scene.MODEL)
    killer = OperatorKiller(cluster)
    performance = Performance(cluster, on_mark=killer)
    recording = await performance.play()
    await killer.finished()
    assert performance.failure == ""
    assert killer.kills >= 10
    assert [row.outcome for row in rows(recording, scene.CHAPTERS)] == [
        "Superseded",
        "RolledBack",
        "RolledBack",
        "Stable",
    ]
    assert outside(recording, scene.CHAPTERS) == []
    assert len(recording.answers) > 1000
