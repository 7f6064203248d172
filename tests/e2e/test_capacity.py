"""Pods before requests, with KServe's autoscalers at work: a version gets a share only when it has the pods for it."""

import json
from datetime import datetime

from hack.demo.kube import Resource
from tests.e2e.clients import clients, failed
from tests.e2e.model import ROLLOUT, Model, serving
from tests.e2e.pods import pods, ready_since

SCALERS = Resource("autoscaling", "v2", "horizontalpodautoscalers")
RUNS = 3
AUTOSCALED = {"minReplicas": 1, "maxReplicas": RUNS}
SHARES = (10, 50, 100)
BRISK = {
    **ROLLOUT,
    "steps": [{"weight": 10, "hold": "1s"}, {"weight": 50, "hold": "1s"}],
    "probation": {"duration": "1s"},
}


async def test_a_share_waits_for_its_pods_and_stable_keeps_its_own(model: Model) -> None:
    await model.serves("1.0.0", **serving("1.0.0", version="1.0.0", **AUTOSCALED))
    await _grow(model, "1.0.0", RUNS)

    async with clients(model) as traffic:
        await model.apply("2.0.0", **serving("1.3.0", version="2.0.0", **AUTOSCALED), rollout=BRISK)
        await model.has_weight("2.0.0", SHARES[0])
        assert await _bounds(model, "1.0.0") == (RUNS, RUNS), "stable's autoscaler may shrink it during the rollout"
        await model.reaches("2.0.0", "Stable")

    had = sorted(at for pod in await pods(model, "2.0.0") if (at := _ready_at(pod)) is not None)
    for share in SHARES:
        needed = -(-share * RUNS // 100)
        assert had[needed - 1] <= _first_at(model, "2.0.0", share), f"{share} % without {needed} pods"
    had_weights = _weights(model, "2.0.0")
    assert had_weights == sorted(had_weights), "it lost traffic while KServe waited for its next pod"
    assert failed(traffic.answers) == []


async def _grow(model: Model, version: str, replicas: int) -> None:
    """Run so many pods, as the autoscaler would if it saw enough load."""
    deployment = f"deployment/{(await model.status(version))['inferenceService']}-predictor"
    await model.cluster.kubectl("scale", deployment, f"--replicas={replicas}")
    ready = f"--for=jsonpath={{.status.readyReplicas}}={replicas}"
    await model.cluster.kubectl("wait", deployment, ready, "--timeout=120s")


async def _bounds(model: Model, version: str) -> tuple[int, int]:
    """Between how many pods KServe's autoscaler keeps a version."""
    name = f"{(await model.status(version))['inferenceService']}-predictor"
    scaler = json.loads(await model.cluster.kubectl("get", SCALERS.argument, name, "-o", "json"))
    return scaler["spec"]["minReplicas"], scaler["spec"]["maxReplicas"]


def _ready_at(pod: dict) -> float | None:
    since = ready_since(pod)
    return datetime.fromisoformat(since).timestamp() if since is not None else None


def _weights(model: Model, version: str) -> list[int]:
    """What the route was seen to give a version, from first to last."""
    service = next(name for name, of in model.observer.services.items() if of == version)
    return [route.weights.get(service, 0) for route in model.observer.routes]


def _first_at(model: Model, version: str, share: int) -> float:
    """When the route was first seen to give a version so much."""
    service = next(name for name, of in model.observer.services.items() if of == version)
    return next(route.at for route in model.observer.routes if route.weights.get(service, 0) >= share)
