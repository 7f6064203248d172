"""The demo's story with the operator killed at each of its steps: the same ends, and no error for a client."""

from hack.demo import prepare, scene
from hack.demo.kube import Cluster
from hack.demo.performance import Performance
from hack.demo.record import Mark
from hack.demo.report import outside, rows
from tests.e2e.killer import OperatorKiller

KILLED_AT = ("phase", "weight")


async def test_killing_the_operator_at_each_step_changes_no_outcome_and_costs_no_request(cluster: Cluster) -> None:
    await prepare.clean(cluster, scene.MODEL)
    killer = OperatorKiller(cluster)

    def kill(mark: Mark) -> None:
        if mark.kind in KILLED_AT:
            killer.kill()

    performance = Performance(cluster, on_mark=kill)
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
