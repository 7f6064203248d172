"""What every end-to-end test stands on: the real cluster with Sluice installed, made if it is not there."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from hack.cluster.paths import default_paths
from hack.demo import prepare
from hack.demo.kube import MODEL_VERSIONS, Cluster
from tests.e2e.model import Model

MODELS = "e2e"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first test may have to build the cluster; each of them waits for real pods."""
    for item in items:
        item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(scope="session")
def installed() -> Cluster:
    """The cluster with the images, the trained versions and the chart; what is missing is made."""
    prepare.prepare(prepare.steps(default_paths()), print)
    return Cluster(default_paths().kubeconfig)


@pytest.fixture
async def cluster(installed: Cluster) -> AsyncIterator[Cluster]:
    """The namespace the tests work in; the models they made there are gone afterwards."""
    yield installed
    models = {version["spec"]["model"] for version in await installed.items(MODEL_VERSIONS)}
    await asyncio.gather(*(prepare.clean(installed, name) for name in models if name.startswith(MODELS)))


@pytest.fixture
async def model(cluster: Cluster, request: pytest.FixtureRequest) -> AsyncIterator[Model]:
    """A model named after the test."""
    name = f"{MODELS}-{request.node.name.removeprefix('test_').replace('_', '-')}"[:38].rstrip("-")
    made = Model(cluster, name)
    async with made.observer.watching(cluster):
        yield made


@pytest.fixture
def make_model(cluster: Cluster) -> Callable[[str], Model]:
    """For tests that need several models at once."""
    return lambda name: Model(cluster, f"{MODELS}-{name}")
