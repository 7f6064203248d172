"""The chart on the real cluster: every object is one that the API server takes, and leaving it harms nobody."""

import asyncio
from typing import Any

import pytest
import yaml

from hack.demo.kube import INFERENCE_SERVICES, MODEL_VERSIONS, ROUTES, Cluster
from tests.e2e.clients import clients, failed
from tests.e2e.model import Model
from tests.e2e.release import NAMESPACE, Release, helm, run

EVERYTHING: dict[str, Any] = {
    "operator": {"replicas": 2, "tolerations": [{"key": "dedicated", "operator": "Exists"}]},
    "prometheus": {"ca": {"configMap": "authority"}, "basic": {"secret": "reader"}, "headers": {"X-Scope-OrgID": "a"}},
    "ledger": {"postgresql": {"secretName": "ledger"}},
    "networkPolicy": {"ingressFrom": [{"namespaceSelector": {}}]},
    "scrape": {"enabled": True},
    "dashboard": {"enabled": True},
    "runtime": {"namespaces": ["default"]},
}
"""All that needs no kinds of others: PodMonitor and PrometheusRule are the Prometheus operator's."""


@pytest.mark.parametrize("values", [{}, EVERYTHING])
@pytest.mark.usefixtures("installed")
def test_the_api_server_takes_every_object(values: dict[str, Any]) -> None:
    rendered = helm(
        "template", "sluice", "helm/sluice", "--values=-", "--validate", "--no-hooks", stdin=yaml.safe_dump(values)
    )
    apply = ("apply", "--dry-run=server", "--server-side", "--force-conflicts", "--warnings-as-errors", "-f", "-")

    said = run("kubectl", *apply, stdin=rendered)

    assert len(said.splitlines()) == len([one for one in yaml.safe_load_all(rendered) if one])


@pytest.mark.usefixtures("installed")
def test_the_release_has_what_it_needs() -> None:
    helm("test", "sluice", "--logs", "--timeout=2m")


@pytest.mark.usefixtures("installed")
def test_the_namespace_may_enforce_the_strictest_pod_security() -> None:
    level = "pod-security.kubernetes.io/enforce=restricted"
    run("kubectl", "label", "--dry-run=server", "--overwrite", "--warnings-as-errors", "namespace", NAMESPACE, level)


@pytest.mark.usefixtures("installed")
async def test_a_rollback_goes_back_across_another_runtime(cluster: Cluster) -> None:
    """Helm keeps the runtime that an upgrade replaces, and could not put it back if the release did not know it."""
    release, before = Release(cluster), _runtimes()
    brought: set[str] = set()
    try:
        await release.upgrade(values=['image.predictor="localhost/another:1"'])
        brought = _runtimes() - before
        assert brought
        await release.undo()
        assert _runtimes() == before
    finally:
        for name in brought:
            run("kubectl", "delete", "clusterservingruntime", name)
        await release.install()


def _runtimes() -> set[str]:
    """The runtimes that the release knows."""
    manifest = yaml.safe_load_all(helm("get", "manifest", "sluice"))
    return {one["metadata"]["name"] for one in manifest if one and one["kind"] == "ClusterServingRuntime"}


async def test_uninstalling_leaves_models_serving_and_nothing_waiting(model: Model) -> None:
    await model.serves("1.0.0")

    try:
        async with clients(model) as traffic:
            await asyncio.to_thread(helm, "uninstall", "sluice", "--wait")
            # Would wait for ever on a finalizer whose operator is gone.
            name = model.version_name("1.0.0")
            await model.cluster.kubectl("delete", MODEL_VERSIONS.argument, name, "--timeout=30s")
            await traffic.more(100)
        assert failed(traffic.answers) == []
    finally:
        # What serves without a version is nobody's but the test's.
        await model.cluster.delete(ROUTES, model.name)
        for service in await model.services():
            await model.cluster.delete(INFERENCE_SERVICES, service["metadata"]["name"])
        await Release(model.cluster).install()
