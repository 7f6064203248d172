"""Versions that cannot be served: each ends Failed in the pod's own words, and no request ever goes to it."""

import asyncio
from collections.abc import Callable

from hack.demo.kube import Cluster
from tests.e2e.model import Model

QUICK = {"readyTimeout": "40s"}


async def _fails(model: Model, version: str) -> str:
    async with model.observer.watching(model.cluster):
        await model.reaches(version, "Failed")
    status = await model.status(version)
    assert status["weight"] == 0
    assert status["desiredWeight"] == 0
    assert {c["type"]: c["status"] for c in status["conditions"]} == {"Ready": "False", "Stalled": "True"}
    assert await model.routes() == []
    return str(status["decision"]["reason"])


async def test_what_cannot_be_served_fails_in_the_pods_own_words(
    cluster: Cluster, make_model: Callable[[str], Model]
) -> None:
    missing, unpullable, wrong = make_model("missing"), make_model("unpullable"), make_model("wrong")
    await cluster.apply(
        {
            "apiVersion": "serving.kserve.io/v1alpha1",
            "kind": "ServingRuntime",
            "metadata": {"name": "e2e-unpullable"},
            "spec": {
                "supportedModelFormats": [{"name": "transformers", "version": "1"}],
                "containers": [{"name": "kserve-container", "image": "localhost/e2e/nobody-built-this:1", "args": []}],
            },
        }
    )
    await missing.apply("1", source={"storageUri": "pvc://no-such-claim/model"}, rollout=QUICK)
    await unpullable.apply("1", predictor={"runtime": "e2e-unpullable"}, rollout=QUICK)
    digest = "sha256:" + "0" * 64
    await wrong.apply("1", source={"storageUri": "pvc://models/sms/1.0.0", "digest": digest}, rollout=QUICK)
    reasons = await asyncio.gather(_fails(missing, "1"), _fails(unpullable, "1"), _fails(wrong, "1"))
    assert "no-such-claim" in reasons[0]
    assert "nobody-built-this" in reasons[1]
    assert digest in reasons[2]
    await cluster.kubectl("delete", "servingruntime", "e2e-unpullable")
