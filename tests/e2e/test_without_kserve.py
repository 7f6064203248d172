"""KServe's controller is away: a bad version is taken back all the same."""

import contextlib
from collections.abc import AsyncIterator

from hack.demo.kube import Cluster
from hack.soak.figures import outside
from tests.e2e.clients import clients
from tests.e2e.model import ROLLOUT, Model, serving

CONTROLLER = "deployment/kserve-controller-manager"


async def test_a_bad_version_is_taken_back_while_kserve_is_away(model: Model) -> None:
    await model.serves("1.0.0")

    async with clients(model) as traffic:
        await model.apply("2.0.0", **serving("1.1.0", version="2.0.0"), rollout=ROLLOUT, paused=True)
        await model.reaches("2.0.0", "Paused")
        async with _without_kserve(model.cluster):
            await model.change("2.0.0", paused=False)
            await model.reaches("2.0.0", "RolledBack")
            await model.has_weight("2.0.0", 0)
            await traffic.more(100)

    observer = model.observer
    assert (await model.status("2.0.0"))["decision"]["gate"] == "errors"
    assert outside(traffic.answers, bad=["2.0.0"], routes=observer.routes, services=observer.services) == []


@contextlib.asynccontextmanager
async def _without_kserve(cluster: Cluster) -> AsyncIterator[None]:
    """No controller and no webhook of KServe's while the block runs."""
    kserve = Cluster(cluster.kubeconfig, "kserve")
    try:
        await kserve.kubectl("scale", CONTROLLER, "--replicas=0")
        await kserve.kubectl(
            "wait", "pods", "--selector=control-plane=kserve-controller-manager", "--for=delete", "--timeout=60s"
        )
        yield
    finally:
        await kserve.kubectl("scale", CONTROLLER, "--replicas=1")
        await kserve.kubectl("rollout", "status", CONTROLLER, "--timeout=120s")
