"""What no predictor sees, the Gateway counts: a version that resets its clients' connections is taken back for it."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hack.cluster.applications import built_tags
from hack.cluster.kind import PROMETHEUS_PORT
from hack.demo.breach import weight_zero_at
from hack.demo.kube import Resource
from hack.demo.prometheus import Prometheus
from hack.demo.report import GRACE_S
from tests.e2e.clients import clients, failed
from tests.e2e.model import RESOURCES, ROLLOUT, Model
from tests.e2e.release import Release

RUNTIMES = Resource("serving.kserve.io", "v1alpha1", "servingruntimes")
RUNTIME = "e2e-resetting"
PROGRAM = Path(__file__).with_name("resetting.py")
ERRORS = {"name": "errors", "metric": "error-rate", "limit": ROLLOUT["analysis"]["gates"][0]["limit"]}
BY_GATEWAY = {
    **ROLLOUT,
    "preflight": {"artifact": False},
    "steps": [{"weight": 30, "hold": "10m"}],
    "analysis": {"source": "Gateway", "gates": [ERRORS]},
}


@pytest.fixture
async def counting(model: Model) -> AsyncIterator[None]:
    """The release knows that its Prometheus scrapes the Gateway; as it was before when the test is over."""
    release = Release(model.cluster)
    try:
        await release.upgrade(values=['prometheus.gateway="contour"'])
        yield
    finally:
        await release.install()


@pytest.fixture
async def runtime(model: Model) -> AsyncIterator[str]:
    """A runtime whose server looks well to itself and to its probes, by its name."""
    container = {
        "name": "kserve-container",
        "image": built_tags()["predictor"],
        "command": ["python", "-c", PROGRAM.read_text()],
        "args": [],
        "ports": [{"containerPort": 8080, "name": "http1", "protocol": "TCP"}],
        "readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1},
    }
    await model.cluster.apply(
        {
            "apiVersion": "serving.kserve.io/v1alpha1",
            "kind": "ServingRuntime",
            "metadata": {"name": RUNTIME},
            "spec": {"supportedModelFormats": [{"name": "transformers", "version": "1"}], "containers": [container]},
        }
    )
    yield RUNTIME
    await model.cluster.delete(RUNTIMES, RUNTIME)


@pytest.mark.usefixtures("counting")
async def test_a_version_that_resets_connections_is_taken_back_on_the_gateways_counts(
    model: Model, runtime: str
) -> None:
    await model.serves("1.0.0")
    began = time.time()

    async with clients(model) as traffic:
        await model.apply("2.0.0", predictor={"runtime": runtime, "resources": RESOURCES}, rollout=BY_GATEWAY)
        await model.reaches("2.0.0", "RolledBack")
        await model.has_weight("2.0.0", 0)
        await traffic.more(100)

    decision = (await model.status("2.0.0"))["decision"]
    assert (decision["action"], decision["gate"]) == ("Rollback", "errors")
    prometheus = Prometheus(f"http://127.0.0.1:{PROMETHEUS_PORT}", model.cluster.namespace, model.name)
    own = await prometheus.errors("2.0.0", since=began)
    assert own.total, "the version was not scraped: nobody knows what its own counters say"
    assert own.bad == []
    assert {answer.version for answer in failed(traffic.answers)} == {"2.0.0"}
    ended = weight_zero_at(model.observer.routes, "2.0.0", model.observer.services)
    assert ended is not None
    assert max(answer.sent_at for answer in failed(traffic.answers)) < ended + GRACE_S
