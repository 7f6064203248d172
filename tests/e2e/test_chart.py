"""The chart on the real cluster: every object is one that the API server takes, and leaving it harms nobody."""

import asyncio
import contextlib
import subprocess
from collections.abc import AsyncIterator
from typing import Any

import pytest
import yaml

from examples.sms import messages
from hack.cluster.kind import GATEWAY_PORT
from hack.cluster.paths import default_paths
from hack.demo import prepare
from hack.demo.kube import INFERENCE_SERVICES, MODEL_VERSIONS, ROUTES, tool
from hack.demo.traffic import Target, Traffic
from tests.e2e.model import Model

NAMESPACE = "sluice-system"
EVERYTHING: dict[str, Any] = {
    "operator": {"replicas": 2, "tolerations": [{"key": "dedicated", "operator": "Exists"}]},
    "prometheus": {"ca": {"configMap": "authority"}, "basic": {"secret": "reader"}, "headers": {"X-Scope-OrgID": "a"}},
    "networkPolicy": {"ingressFrom": [{"namespaceSelector": {}}]},
    "scrape": {"enabled": True},
    "dashboard": {"enabled": True},
    "runtime": {"namespaces": ["default"]},
}
"""All that needs no kinds of others: PodMonitor and PrometheusRule are the Prometheus operator's."""


def run(program: str, *words: str, stdin: str = "") -> str:
    """What a program prints about the cluster; a failure is the test's, with all that it said."""
    command = [tool(program), f"--kubeconfig={default_paths().kubeconfig}", *words]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def helm(*words: str, stdin: str = "") -> str:
    return run("helm", f"--namespace={NAMESPACE}", *words, stdin=stdin)


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


async def test_uninstalling_leaves_models_serving_and_nothing_waiting(model: Model) -> None:
    await model.apply("1.0.0")
    await model.reaches("1.0.0", "Stable")

    try:
        async with answered(model) as traffic:
            await asyncio.to_thread(helm, "uninstall", "sluice", "--wait")
            # Would wait for ever on a finalizer whose operator is gone.
            name = model.version_name("1.0.0")
            await model.cluster.kubectl("delete", MODEL_VERSIONS.argument, name, "--timeout=30s")
            await traffic.more(100)
        assert [answer for answer in traffic.answers if not answer.ok] == []
    finally:
        # What serves without a version is nobody's but the test's.
        await model.cluster.delete(ROUTES, model.name)
        for service in await model.services():
            await model.cluster.delete(INFERENCE_SERVICES, service["metadata"]["name"])
        install = prepare.steps(default_paths())[-1]
        await asyncio.to_thread(prepare.prepare, [install], print)


@contextlib.asynccontextmanager
async def answered(model: Model) -> AsyncIterator[Traffic]:
    """Clients of a model while the block runs, a hundred of their requests before it."""
    host = f"{model.name}.{model.cluster.namespace}.sluice.local"
    target = Target(f"http://127.0.0.1:{GATEWAY_PORT}/v1/models/{model.name}:predict", host=host)
    assert await model.observer.until(lambda: model.observer.weight("1.0.0") == 100, within=30)
    async with Traffic(target, (message.text for message in messages.stream(seed=1))) as traffic:
        async with asyncio.timeout(30):  # until the Gateway has heard of the route
            while not (await traffic.probe()).ok:  # noqa: ASYNC110 - what changes is in Envoy
                await asyncio.sleep(0.2)
        traffic.start()
        await traffic.more(100)
        yield traffic
