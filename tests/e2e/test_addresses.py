"""A model gets another host name under traffic, from an installation that looks after its namespace alone."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from hack.demo.kube import Resource
from tests.e2e.clients import clients, failed
from tests.e2e.model import ROLLOUT, Model, serving
from tests.e2e.release import Release

POLICIES = Resource("sluice.dev", "v1alpha1", "rolloutpolicies")
DOMAIN = "models.example.com"
NAMESPACED = (
    'scope="Namespaced"',
    'watchNamespaces=["default"]',
    f'route.allowed=[{{"namespaces": ["default"], "hostnames": ["*.{DOMAIN}"]}}]',
)


@pytest.fixture
async def release(model: Model) -> AsyncIterator[Release]:
    """The release, with rights in the models' namespace alone; as it was before when the test is over."""
    found = Release(model.cluster)
    try:
        await found.upgrade(values=NAMESPACED)
        yield found
    finally:
        await found.install()


@asynccontextmanager
async def policy(model: Model, hostname: str) -> AsyncIterator[None]:
    """Have a policy that says where a model is reached, while the block runs."""
    name = f"{model.name}-route"
    spec = {"models": [model.name], "route": {"hostname": hostname}}
    await model.cluster.apply(
        {
            "apiVersion": "sluice.dev/v1alpha1",
            "kind": "RolloutPolicy",
            "metadata": {"name": name},
            "spec": spec,
        }
    )
    try:
        yield
    finally:
        await model.cluster.delete(POLICIES, name)


async def is_told(model: Model, version: str, hostname: str) -> None:
    """Wait until the status of a version names its model's address."""
    name = f"modelversion/{model.version_name(version)}"
    await model.cluster.kubectl("wait", name, f"--for=jsonpath={{.status.url}}=http://{hostname}", "--timeout=60s")


@pytest.mark.usefixtures("release")
async def test_clients_of_either_host_name_are_answered_while_it_changes_and_changes_back(model: Model) -> None:
    before, then = f"{model.name}.default.sluice.local", f"{model.name}.{DOMAIN}"
    await model.serves("1.0.0")

    async with clients(model, rate=20) as old:
        async with policy(model, f"{{model}}.{DOMAIN}"):
            await is_told(model, "1.0.0", then)
            async with clients(model, hostname=then, rate=20) as new:
                await model.apply("2.0.0", **serving("1.0.0", version="2.0.0"), rollout=ROLLOUT)
                await model.reaches("2.0.0", "Stable")
                await model.cluster.delete(POLICIES, f"{model.name}-route")
                await is_told(model, "2.0.0", before)
                await new.more(100)
        await old.more(100)

    assert failed([*old.answers, *new.answers]) == []
