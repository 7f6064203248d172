"""Somebody else divides a version's traffic in KServe: it is refused with its reason, and no request notices."""

import asyncio
import json
from typing import Any

from hack.demo.kube import INFERENCE_SERVICES
from tests.e2e.clients import clients, failed
from tests.e2e.model import Model

FIELD = "canaryTrafficPercent"


async def test_traffic_divided_in_kserve_is_refused_and_put_right(model: Model) -> None:
    await model.serves("1.0.0")
    name = (await model.status("1.0.0"))["inferenceService"]
    patch = json.dumps({"spec": {"predictor": {FIELD: 40}}})

    async with clients(model) as traffic:
        await model.cluster.kubectl("patch", INFERENCE_SERVICES.argument, name, "--type=merge", f"--patch={patch}")
        async with asyncio.timeout(60):
            while not (told := await _told_of(model, "1.0.0")):  # noqa: ASYNC110 - nor for events
                await asyncio.sleep(0.5)
        await traffic.more(100)

    assert FIELD in told[0]["note"]
    assert FIELD not in (await model.service("1.0.0"))["spec"]["predictor"]
    assert failed(traffic.answers) == []


async def _told_of(model: Model, version: str) -> list[dict[str, Any]]:
    """The events that say of a version that somebody's edit was taken out."""
    about = f"--field-selector=regarding.name={model.version_name(version)},reason=EditReverted"
    found: dict[str, Any] = json.loads(await model.cluster.kubectl("get", "events.events.k8s.io", about, "-o", "json"))
    return list(found["items"])
