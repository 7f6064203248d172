"""Host names on a real API server: a policy changes them under traffic, and none is taken from another model."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hack.testbed.client import ROLLOUT_POLICIES, RefusedError, connected
from hack.testbed.controlplane import ADMINISTRATOR, ControlPlane
from tests.integration.operator.stage import LONG, SECONDS, Stage, staged

ALLOWED = json.dumps([{"namespaces": ["default"], "hostnames": ["*.example.com"]}])


@pytest.fixture
async def stage(control_plane: ControlPlane, tmp_path: Path) -> AsyncIterator[Stage]:
    """A stage where policies may ask for host names below example.com."""
    async with staged(control_plane, tmp_path, SLUICE_ROUTE_ALLOWED=ALLOWED) as made:
        yield made


async def policy(stage: Stage, model: str, **route: Any) -> None:
    body = {"metadata": {"name": f"of-{model}"}, "spec": {"models": [model], "route": route}}
    await stage.client.create(ROLLOUT_POLICIES, body)


async def is_reached_at(stage: Stage, model: str, *hostnames: str) -> None:
    def reached() -> bool:
        route = stage.observer.route(model)
        return route is not None and tuple(route["spec"]["hostnames"]) == hostnames

    assert await stage.observer.until(reached, seconds=SECONDS), (stage.observer.route(model) or {}).get("spec")


async def test_a_host_name_changes_in_the_middle_of_a_rollout_that_then_fails(stage: Stage) -> None:
    await stage.serves("sms", "1.0.0")
    await is_reached_at(stage, "sms", "sms.default.sluice.local")
    await stage.apply("sms", "1.1.0", rollout=LONG)
    await stage.has_weight("sms-1.1.0", 10)

    await policy(stage, "sms", hostname="{model}.example.com")

    await is_reached_at(stage, "sms", "sms.example.com", "sms.default.sluice.local")
    assert await stage.comes_to_rest("sms-1.1.0") == 10
    told = await stage.observer.until(
        lambda: stage.observer.status("sms-1.0.0").get("url") == "http://sms.example.com", seconds=SECONDS
    )
    assert told, stage.observer.status("sms-1.0.0")
    stage.prometheus.break_version("sms", "1.1.0")
    await stage.reaches("sms-1.1.0", "RolledBack")
    await is_reached_at(stage, "sms", "sms.example.com", "sms.default.sluice.local")


async def test_a_host_name_is_its_first_models_until_that_is_gone(stage: Stage) -> None:
    await policy(stage, "sms", hostname="shared.example.com")
    await policy(stage, "fraud", hostname="SHARED.example.com")
    await stage.serves("sms", "1.0.0")
    await stage.apply("fraud", "1.0.0")
    await stage.says("fraud-1.0.0", "HostnameTaken: shared.example.com is where model sms of namespace default is")

    stage.operator.kill()
    stage.operator.start()  # it knows nothing but what the API server has
    await stage.apply("fraud", "1.1.0")
    await stage.says("fraud-1.1.0", "HostnameTaken: ")
    assert stage.observer.route("fraud") is None

    await stage.delete_model("sms")
    await is_reached_at(stage, "fraud", "shared.example.com")
    await stage.reaches("fraud-1.1.0", "Stable")


async def test_a_host_name_that_is_not_the_namespaces_is_refused_and_traffic_stays(stage: Stage) -> None:
    await stage.serves("sms", "1.0.0")

    await policy(stage, "sms", hostname="sms.bank.com")

    await stage.says("sms-1.0.0", "RouteRefused: the installation does not allow namespace default")
    await is_reached_at(stage, "sms", "sms.default.sluice.local")
    (stalled,) = [one for one in stage.observer.status("sms-1.0.0")["conditions"] if one["type"] == "Stalled"]
    assert (stalled["status"], stalled["reason"]) == ("True", "RouteRefused")


async def test_a_route_that_says_too_little_is_refused(control_plane: ControlPlane) -> None:
    for models, route, words in (
        (["sms-*"], {"hostname": "sms.example.com"}, "route.hostname needs {model} unless"),
        (["sms", "fraud"], {"hostname": "{namespace}.example.com"}, "route.hostname needs {model} unless"),
        (["sms"], {}, "hostname or gateway must be given"),
        (["sms"], {"hostname": "*.example.com"}, "should match"),
        (["sms"], {"gateway": {"name": "edge"}}, "namespace: Required"),
    ):
        body = {"metadata": {"name": "policy"}, "spec": {"models": models, "route": route}}
        async with connected(control_plane.url, control_plane.tls(ADMINISTRATOR)) as client:
            with pytest.raises(RefusedError, match=words):
                await client.create(ROLLOUT_POLICIES, body)
