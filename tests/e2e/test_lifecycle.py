"""A version's life on the cluster beyond the demo: idleness, names that are taken, deletion."""

import json

from hack.demo.kube import INFERENCE_SERVICES, MODEL_VERSIONS, ROUTES, Cluster
from hack.demo.prepare import clean
from tests.e2e.clients import clients, failed
from tests.e2e.model import ROLLOUT, Model, serving
from tests.e2e.plain import GATEWAY

FOREIGN_ROUTE = {
    "apiVersion": "gateway.networking.k8s.io/v1",
    "kind": "HTTPRoute",
    "spec": {"hostnames": ["somebody.example"], "rules": [{"matches": [{"path": {"value": "/"}}]}]},
}


async def _versions_of(model: Model, version: str) -> list[str]:
    """The resourceVersions of all that the operator writes for a version."""
    service = (await model.status(version))["inferenceService"]
    objects = [
        await model.object(MODEL_VERSIONS, model.version_name(version)),
        await model.object(ROUTES, model.name),
        await model.object(INFERENCE_SERVICES, service),
    ]
    return [one["metadata"]["resourceVersion"] for one in objects]


async def _reconciles(cluster: Cluster) -> float:
    """Reconciles of the operator that runs now, as its own metrics say."""
    system = Cluster(cluster.kubeconfig, "sluice-system")
    pods = json.loads(await system.kubectl("get", "pods", "-l", "app.kubernetes.io/component=operator", "-o", "json"))
    name = next(pod["metadata"]["name"] for pod in pods["items"] if "deletionTimestamp" not in pod["metadata"])
    path = f"/api/v1/namespaces/sluice-system/pods/{name}:8080/proxy/metrics"
    text = await system.kubectl("get", "--raw", path)
    lines = (line for line in text.splitlines() if line.startswith("controller_runtime_reconcile_total{"))
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


async def test_nothing_is_written_when_nothing_changed(model: Model) -> None:
    await model.apply("1.0.0")
    await model.reaches("1.0.0", "Stable")
    assert await model.observer.until(lambda: model.observer.weight("1.0.0") == 100, within=30)
    system = Cluster(model.cluster.kubeconfig, "sluice-system")
    before = await _versions_of(model, "1.0.0")
    # A new operator looks at every model once; it must find nothing to write.
    await system.kubectl("rollout", "restart", "deployment/sluice-operator")
    await system.kubectl("rollout", "status", "deployment/sluice-operator", "--timeout=120s")
    while await _reconciles(model.cluster) == 0:
        await system.kubectl("wait", "--for=condition=Available", "deployment/sluice-operator", "--timeout=60s")
    assert await _versions_of(model, "1.0.0") == before


async def test_somebody_elses_route_is_never_taken_over(model: Model) -> None:
    await model.cluster.apply({**FOREIGN_ROUTE, "metadata": {"name": model.name}})
    before = (await model.routes())[0]["spec"]
    await model.apply("1.0.0")
    assert await model.observer.until(lambda: _stalled(model, "1.0.0"), within=60)
    status = await model.status("1.0.0")
    assert {c["type"]: c["reason"] for c in status["conditions"]}["Stalled"] == "NameTaken"
    assert (await model.routes())[0]["spec"] == before
    await model.cluster.delete(ROUTES, model.name)
    await model.reaches("1.0.0", "Stable")


async def test_somebody_elses_older_route_to_the_same_host_name_is_told_in_the_gateways_words(model: Model) -> None:
    name, hostname = f"{model.name}-else", f"{model.name}.default.sluice.local"
    rule = {"backendRefs": [{"name": "kubernetes", "port": 443}]}
    spec = {"parentRefs": [GATEWAY], "hostnames": [hostname], "rules": [rule]}
    await model.cluster.apply({**FOREIGN_ROUTE, "metadata": {"name": name}, "spec": spec})
    await model.cluster.kubectl(
        "wait", f"httproute/{name}", "--for=jsonpath={.status.parents[0].conditions[0].status}=True", "--timeout=60s"
    )
    try:
        await model.apply("1.0.0")
        assert await model.observer.until(lambda: _stalled(model, "1.0.0"), within=120)
        status = await model.status("1.0.0")
        assert {c["type"]: c["reason"] for c in status["conditions"]}["Stalled"] == "GatewayRefused"
        assert "RuleMatchConflict" in status["message"]
    finally:
        await model.cluster.delete(ROUTES, name)
    await model.reaches("1.0.0", "Stable")


def _stalled(model: Model, version: str) -> bool:
    state = model.observer.versions.get(version)
    return state is not None and any(condition.startswith("Stalled=True") for condition in state.conditions)


async def test_deleting_the_only_version_takes_the_route_and_the_pods_with_it(model: Model) -> None:
    await model.apply("1.0.0")
    await model.reaches("1.0.0", "Stable")
    await model.cluster.kubectl("delete", MODEL_VERSIONS.argument, model.version_name("1.0.0"), "--timeout=120s")
    await clean(model.cluster, model.name)
    assert await model.routes() == []
    assert await model.services() == []


async def test_a_version_that_one_sync_puts_in_the_only_ones_place_costs_no_request(model: Model) -> None:
    await model.serves("1.0.0")
    async with clients(model) as traffic:
        await model.cluster.delete(MODEL_VERSIONS, model.version_name("1.0.0"))
        # Whoever prunes before they apply leaves the operator time to see the deletion alone.
        await model.reaches("1.0.0", "DeletionWaiting")
        await model.apply("2.0.0", **serving("1.0.0", version="2.0.0"), rollout=ROLLOUT)
        await model.reaches("2.0.0", "Stable")
        await model.has_weight("2.0.0", 100)
        await traffic.more(100)

    assert failed(traffic.answers) == []
    assert {answer.version for answer in traffic.answers} == {"1.0.0", "2.0.0"}


async def test_a_version_that_is_deleted_in_foreground_serves_until_the_one_before_does(model: Model) -> None:
    await model.serves("1.0.0", rollout=ROLLOUT)
    async with clients(model) as traffic:
        await model.apply("2.0.0", **serving("1.0.0", version="2.0.0"), rollout={"strategy": "Replace"})
        await model.reaches("2.0.0", "Stable")
        await model.has_weight("2.0.0", 100)
        service = (await model.status("2.0.0"))["inferenceService"]
        name = model.version_name("2.0.0")
        await model.cluster.kubectl("delete", MODEL_VERSIONS.argument, name, "--cascade=foreground", "--timeout=240s")
        await model.reaches("1.0.0", "Stable")
        await traffic.more(100)

    assert failed(traffic.answers) == []
    assert service not in [one["metadata"]["name"] for one in await model.services()]


async def test_a_second_object_of_the_same_version_is_rejected(model: Model) -> None:
    await model.apply("1.0.0")
    twin = model.manifest("1.0.0")
    twin["metadata"]["name"] += "-twin"
    await model.reaches("1.0.0", "Stable")
    await model.cluster.apply(twin)
    assert await model.observer.until(lambda: _stalled(model, "1.0.0"), within=60)
    found = await model.object(MODEL_VERSIONS, twin["metadata"]["name"])
    assert found["status"]["phase"] == "Rejected"
    assert (await model.status("1.0.0"))["phase"] == "Stable"
