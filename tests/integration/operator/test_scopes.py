"""An operator of some namespaces on a real API server: with rights in these alone, and beside another one."""

import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hack.cluster.paths import default_paths
from hack.testbed.client import INFERENCE_SERVICES, MODEL_VERSIONS, NAMESPACES, ROUTES, RefusedError, connected
from hack.testbed.controlplane import (
    ADMINISTRATOR,
    OPERATOR,
    OTHER_OPERATOR,
    OTHER_RELEASE_NAMESPACE,
    ControlPlane,
)
from hack.testbed.installation import give_rights, rendered_chart
from hack.testbed.observer import Observer
from hack.testbed.operator import Operator
from hack.testbed.prometheus import Fault, Prometheus
from hack.testbed.world import World
from tests.integration.operator.stage import LONG, SECONDS, Stage, staged
from tests.integration.operator.test_rights import a_life_with_everything_in_it, asked_for, granted, used

CHART: dict[str, Any] = {
    "namespace": OTHER_RELEASE_NAMESPACE,
    "scope": "Namespaced",
    "watchNamespaces": ["default"],
}
SETTINGS = {"SLUICE_NAMESPACE": OTHER_RELEASE_NAMESPACE, "SLUICE_WATCH_NAMESPACES": '["default"]'}


async def _install(control_plane: ControlPlane) -> None:
    """The rights of another installation, for namespace default."""
    async with connected(control_plane.url, control_plane.tls(ADMINISTRATOR)) as client:
        with contextlib.suppress(RefusedError):  # an earlier test has made them
            await client.create(NAMESPACES, {"metadata": {"name": OTHER_RELEASE_NAMESPACE}})
            await give_rights(client, rendered_chart(default_paths(), **CHART))


@pytest.fixture
async def stage(control_plane: ControlPlane, tmp_path: Path) -> AsyncIterator[Stage]:
    """A stage whose operator looks after namespace default alone."""
    await _install(control_plane)
    async with staged(control_plane, tmp_path, account=OTHER_OPERATOR, **SETTINGS) as made:
        yield made


async def test_every_right_is_used_and_nothing_outside_of_its_namespaces_is_asked_for(stage: Stage) -> None:
    await a_life_with_everything_in_it(stage)

    assert used(stage.control_plane, OTHER_OPERATOR) == granted(rendered_chart(default_paths(), **CHART))
    places = {what.get("namespace", "") for what, _ in asked_for(stage.control_plane, OTHER_OPERATOR)}
    assert places == {"default", OTHER_RELEASE_NAMESPACE}


async def test_two_operators_with_different_namespaces_do_not_meet(stage: Stage, tmp_path: Path) -> None:
    client, plane = stage.client, stage.control_plane
    with contextlib.suppress(RefusedError):
        await client.create(NAMESPACES, {"metadata": {"name": "team-b"}})
    theirs = Operator(
        kubeconfig=plane.kubeconfig(OPERATOR),
        prometheus=stage.prometheus.url,
        log=tmp_path / "theirs.log",
        settings={"SLUICE_WATCH_NAMESPACES": '["team-b"]'},
    )
    before = sum(1 for _ in asked_for(plane, OPERATOR))
    async with World(client, namespace="team-b").turning(), Observer(client, namespace="team-b").watching() as seen:
        with theirs.running():
            await stage.serves("sms", "1.0.0")
            spec = {"model": "sms", "version": "1.0.0", "source": {"storageUri": "pvc://models/sms"}}
            body = {"metadata": {"name": "sms-1.0.0"}, "spec": spec}
            await client.create(MODEL_VERSIONS, body, namespace="team-b")
            there = await seen.until(lambda: seen.phase("sms-1.0.0") == "Stable", seconds=SECONDS)
            assert there, theirs.log()[-3000:]
        written = [what for what, verb in list(asked_for(plane, OPERATOR))[before:] if verb in ("create", "patch")]
        assert {what["namespace"] for what in written if what["resource"] not in ("leases", "configmaps")} == {"team-b"}
        assert stage.observer.phase("sms-1.0.0") == "Stable"
        for kind in (MODEL_VERSIONS, INFERENCE_SERVICES, ROUTES):
            for obj in await client.items(kind, namespace="team-b"):
                name = obj["metadata"]["name"]
                if obj["metadata"].get("finalizers"):
                    await client.patch(kind, name, {"metadata": {"finalizers": None}}, namespace="team-b")
                await client.delete(kind, name, namespace="team-b")
        assert await seen.until(lambda: not seen.left_of("sms"), seconds=SECONDS)


async def test_a_namespaces_own_prometheus_judges_its_versions_alone(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    async with Prometheus().serving() as own:
        told = json.dumps({"default": {"url": own.url}})
        async with staged(control_plane, tmp_path, SLUICE_PROMETHEUS_NAMESPACES=told) as stage:
            stage.prometheus.fail(Fault.DOWN)
            for version in ("1.0.0", "1.1.0", "1.2.0"):
                own.traffic("sms", version)
            await stage.serves("sms", "1.0.0")
            await stage.apply("sms", "1.1.0")
            await stage.reaches("sms-1.1.0", "Stable")

            await stage.apply("sms", "1.2.0", rollout=LONG)
            await stage.gate_is("sms-1.2.0", "Pass")
            own.fail(Fault.DOWN)
            stage.prometheus.fail(None)
            await stage.gate_is("sms-1.2.0", "Unavailable")
            metrics = stage.operator.metrics()
            assert metrics['sluice_prometheus_up{for_namespace="default"}'] == 0
            assert metrics['sluice_prometheus_up{for_namespace=""}'] == 1


async def test_as_many_watches_as_there_may_be_keep_no_write_waiting(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    watched = json.dumps(["default", *(f"empty-{number}" for number in range(63))])
    async with staged(control_plane, tmp_path, SLUICE_WATCH_NAMESPACES=watched) as stage:
        await stage.serves("sms", "1.0.0")
