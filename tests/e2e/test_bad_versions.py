"""Versions that cannot be served: each ends in one sentence that says why, and the clients of stable notice nothing."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from hack.demo.breach import weight_zero_at
from hack.demo.kube import Cluster
from hack.demo.report import GRACE_S
from tests.e2e.clients import clients, failed
from tests.e2e.model import RESOURCES, ROLLOUT, Model, serving, steps
from tests.e2e.pods import kill_predictors

QUICK = {**ROLLOUT, "readyTimeout": "40s"}
DIGEST = "sha256:" + "0" * 64
TOO_LITTLE = {"requests": RESOURCES["requests"] | {"memory": "48Mi"}, "limits": {"memory": "48Mi"}}
UNPULLABLE = {
    "apiVersion": "serving.kserve.io/v1alpha1",
    "kind": "ServingRuntime",
    "metadata": {"name": "e2e-unpullable"},
    "spec": {
        "supportedModelFormats": [{"name": "transformers", "version": "1"}],
        "containers": [{"name": "kserve-container", "image": "localhost/e2e/nobody-built-this:1", "args": []}],
    },
}
FILES = "pvc://models/sms/1.3.0"
CANNOT_BE_SERVED: dict[str, tuple[str, dict[str, Any]]] = {
    "missing": ("no-such-claim", {"source": {"storageUri": "pvc://no-such-claim/model"}}),
    "unpullable": ("nobody-built-this", {"predictor": {"runtime": "e2e-unpullable"}}),
    "unknown": ("no-such-runtime", {"predictor": {"runtime": "no-such-runtime"}}),
    "wrong": (DIGEST, {"source": {"storageUri": FILES, "digest": DIGEST}}),
    "memory": ("more memory than its limit allows", serving("1.3.0", version="2.0.0", resources=TOO_LITTLE)),
}
"""What the sentence must name, and the version, by its model."""


async def test_what_cannot_be_served_ends_in_a_sentence_and_stable_serves_on(
    cluster: Cluster, make_model: Callable[[str], Model]
) -> None:
    await cluster.apply(UNPULLABLE)
    try:
        async with asyncio.TaskGroup() as group:
            for name, (word, version) in CANNOT_BE_SERVED.items():
                group.create_task(_fails(make_model(name), version, saying=word))
    finally:
        await cluster.kubectl("delete", "servingruntime", UNPULLABLE["metadata"]["name"])


async def _fails(model: Model, version: dict[str, Any], *, saying: str) -> None:
    """Apply a version beside one that serves, and wait for its end."""
    async with model.observer.watching(model.cluster):
        await model.serves("1.0.0")
        async with clients(model, rate=5) as traffic:
            await model.apply("2.0.0", **version, rollout=QUICK)
            await model.reaches("2.0.0", "Failed")
            await traffic.more(10)
    assert failed(traffic.answers) == []
    assert {answer.version for answer in traffic.answers} == {"1.0.0"}
    status = await model.status("2.0.0")
    assert status["desiredWeight"] == 0
    assert {c["type"]: c["status"] for c in status["conditions"]} == {"Ready": "False", "Stalled": "True"}
    assert saying in status["decision"]["reason"]


@pytest.mark.soak
async def test_a_version_whose_pods_die_again_and_again_is_taken_back_for_it(model: Model) -> None:
    await model.serves("1.0.0")
    rollout = {**steps(50), "readyTimeout": "40s"}

    async with clients(model) as traffic:
        await model.apply("2.0.0", **serving("1.3.0", version="2.0.0"), rollout=rollout)
        await model.has_weight("2.0.0", 50)
        async with _dying(model, "2.0.0"):
            await model.reaches("2.0.0", "RolledBack")
            await model.has_weight("2.0.0", 0)
        await traffic.more(100)

    reason = (await model.status("2.0.0"))["decision"]["reason"]
    assert "not ready within 40s" in reason
    assert "ended by signal 9" in reason
    ended = weight_zero_at(model.observer.routes, "2.0.0", model.observer.services)
    assert ended is not None
    # A pod that is killed takes the requests with it that it has, and those that come before the Gateway knows.
    assert [one for one in failed(traffic.answers) if one.version != "2.0.0" or one.sent_at > ended + GRACE_S] == []


@contextlib.asynccontextmanager
async def _dying(model: Model, version: str) -> AsyncIterator[None]:
    """End the version's predictors, each as soon as it has started again, while the block runs."""

    async def kill() -> None:
        while True:
            await kill_predictors(model, version)
            await asyncio.sleep(0.5)

    killing = asyncio.create_task(kill())
    try:
        yield
    finally:
        killing.cancel()
        await asyncio.gather(killing, return_exceptions=True)
