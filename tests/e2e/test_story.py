"""The demo's story with the operator killed at each of its steps: the same ends, and no error for a client."""

import asyncio

from examples.sms import messages
from hack.demo import prepare, scene
from hack.demo.__main__ import TARGET
from hack.demo.kube import Cluster
from hack.demo.observe import Observer
from hack.demo.record import Mark, Recording
from hack.demo.report import outside
from hack.demo.story import Narrator, Stage, tell
from hack.demo.traffic import Traffic

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
    settings = scene.rollout()
    killer = OperatorKiller(cluster)
    observer = Observer(model=scene.MODEL, on_change=Narrator(killer))
    texts = (message.text for message in messages.stream(seed=2))
    async with observer.watching(cluster), Traffic(TARGET, texts) as traffic:
        await tell(
            Stage(
                apply=cluster.apply,
                manifest=lambda version: scene.manifest(version, settings),
                observer=observer,
                traffic=traffic,
                announce=lambda _: None,
            ),
            scene.CHAPTERS,
        )
        await killer.finished()
    recording = Recording(
        started=0,
        ended=0,
        answers=traffic.answers,
        held_back=traffic.held_back,
        routes=observer.routes,
        states=observer.states,
        marks=(),
        services=observer.services,
    )
    assert killer.kills >= 10
    assert outside(recording, scene.CHAPTERS) == []
    assert len(traffic.answers) > 1000
