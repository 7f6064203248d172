"""Before the release goes: the operator is stopped, then nothing waits for it any more.

Against a real API server, with the rights that the chart gives for this and no others.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from kubernetes.aio import config
from kubernetes.aio.client import ApiClient, Configuration

from hack.testbed.client import MODEL_VERSIONS, NAMESPACES, PODS, Client, Kind, Object, RefusedError, connected
from hack.testbed.controlplane import ADMINISTRATOR, RELEASE_NAMESPACE, ControlPlane
from sluice_operator.controller.resources import FINALIZER
from sluice_operator.controller.uninstall import uninstall
from sluice_operator.kube.gateway import Gateway

ACCOUNT = f"system:serviceaccount:{RELEASE_NAMESPACE}:sluice-uninstall"
DEPLOYMENTS = Kind("apps", "v1", "deployments", "Deployment")
LABELS = {"app.kubernetes.io/name": "sluice", "app.kubernetes.io/component": "operator"}
SELECTOR = ",".join(f"{key}={value}" for key, value in LABELS.items())
OTHER = "example.com/somebody-elses"
POD = {"containers": [{"name": "operator", "image": "operator"}]}


@pytest.fixture
async def client(control_plane: ControlPlane) -> AsyncIterator[Client]:
    """The administrator; the release's Deployment is there, and is gone afterwards with all that a test made."""
    async with connected(control_plane.url, control_plane.tls(ADMINISTRATOR)) as made:
        template = {"metadata": {"labels": LABELS}, "spec": POD}
        spec = {"replicas": 1, "selector": {"matchLabels": LABELS}, "template": template}
        body = {"metadata": {"name": "sluice-operator"}, "spec": spec}
        await made.create(DEPLOYMENTS, body, namespace=RELEASE_NAMESPACE)
        yield made
        for kind, namespace in ((DEPLOYMENTS, RELEASE_NAMESPACE), (PODS, RELEASE_NAMESPACE), *_versions_places()):
            for obj in await made.items(kind, namespace=namespace):
                name = obj["metadata"]["name"]
                if obj["metadata"].get("finalizers"):
                    await made.patch(kind, name, {"metadata": {"finalizers": None}}, namespace=namespace)
                await made.delete(kind, name, namespace=namespace)


def _versions_places() -> tuple[tuple[Kind, str], ...]:
    return ((MODEL_VERSIONS, "default"), (MODEL_VERSIONS, "team-a"))


@pytest.fixture
async def gateway(control_plane: ControlPlane) -> AsyncIterator[Gateway]:
    """The API server, for the account of the chart's hook."""
    configuration = Configuration()
    path = control_plane.kubeconfig(ACCOUNT)
    await config.load_kube_config(config_file=str(path), client_configuration=configuration)
    async with ApiClient(configuration) as api:
        yield Gateway(api)


async def make_version(client: Client, name: str, *finalizers: str, namespace: str = "default") -> None:
    spec = {"model": "sms", "version": name, "source": {"storageUri": "pvc://models/sms"}}
    body = {"metadata": {"name": name, "finalizers": list(finalizers)}, "spec": spec}
    await client.create(MODEL_VERSIONS, body, namespace=namespace)


async def make_pod(client: Client, name: str, **labels: str) -> None:
    body = {"metadata": {"name": name, "labels": {**LABELS, **labels}}, "spec": POD}
    await client.create(PODS, body, namespace=RELEASE_NAMESPACE)


async def finalizers(client: Client, name: str, *, namespace: str = "default") -> list[str]:
    obj = await client.get(MODEL_VERSIONS, name, namespace=namespace)
    found: list[str] = obj["metadata"].get("finalizers", [])
    return found


async def until_scaled_down(client: Client) -> Object:
    async with asyncio.timeout(30):
        return await client.first(DEPLOYMENTS, lambda obj: obj["spec"]["replicas"] == 0, namespace=RELEASE_NAMESPACE)


def going(gateway: Gateway) -> "asyncio.Task[int]":
    return asyncio.create_task(uninstall(gateway, namespace=RELEASE_NAMESPACE, selector=SELECTOR))


async def test_nothing_is_let_go_while_an_operator_could_take_it_back(client: Client, gateway: Gateway) -> None:
    await make_version(client, "one", FINALIZER)
    await make_pod(client, "sluice-operator-1")

    leaving = going(gateway)
    await until_scaled_down(client)

    assert await finalizers(client, "one") == [FINALIZER]
    await client.delete(PODS, "sluice-operator-1", namespace=RELEASE_NAMESPACE)
    assert await leaving == 1
    assert await finalizers(client, "one") == []


async def test_versions_of_every_namespace_are_let_go_and_only_of_ours(client: Client, gateway: Gateway) -> None:
    with contextlib.suppress(RefusedError):
        await client.create(NAMESPACES, {"metadata": {"name": "team-a"}})
    await make_version(client, "ours", FINALIZER)
    await make_version(client, "both", OTHER, FINALIZER, namespace="team-a")
    await make_version(client, "idle")

    assert await going(gateway) == 2

    assert await finalizers(client, "ours") == []
    assert await finalizers(client, "both", namespace="team-a") == [OTHER]
    assert await going(gateway) == 0


async def test_a_version_that_is_being_deleted_goes_at_once(client: Client, gateway: Gateway) -> None:
    await make_version(client, "one", FINALIZER)
    await client.delete(MODEL_VERSIONS, "one")
    assert await finalizers(client, "one") == [FINALIZER]

    await going(gateway)

    with pytest.raises(RefusedError, match="404"):
        await client.get(MODEL_VERSIONS, "one")


@pytest.mark.parametrize("phase", ["Failed", "Succeeded"])
async def test_a_pod_that_has_ended_is_not_waited_for(client: Client, gateway: Gateway, phase: str) -> None:
    await make_pod(client, "evicted")
    ended: dict[str, Any] = {"status": {"phase": phase}}
    await client.patch(PODS, "evicted", ended, namespace=RELEASE_NAMESPACE, status=True)

    assert await going(gateway) == 0


async def test_an_operator_that_is_gone_already_is_no_fault(client: Client, gateway: Gateway) -> None:
    await make_version(client, "one", FINALIZER)
    await client.delete(DEPLOYMENTS, "sluice-operator", namespace=RELEASE_NAMESPACE)

    assert await going(gateway) == 1
