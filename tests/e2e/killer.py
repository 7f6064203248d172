"""Ends the operator's pod without grace, as a node that fails would."""

import asyncio

from hack.demo.kube import Cluster


class OperatorKiller:
    """Kills in the background; `finished` waits for the last of it."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = Cluster(cluster.kubeconfig, "sluice-system")
        self._tasks: set[asyncio.Task[str]] = set()
        self.kills = 0

    def kill(self) -> None:
        self.kills += 1
        self._tasks.add(asyncio.create_task(self._delete()))

    async def finished(self) -> None:
        await asyncio.gather(*self._tasks)

    async def _delete(self) -> str:
        return await self._cluster.kubectl(
            "delete", "pod", "--selector=app.kubernetes.io/component=operator", "--grace-period=0", "--force"
        )
