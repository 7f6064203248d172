"""What the chart installs: pods that the strictest Pod Security admits, a closed network, and what is kept."""

import importlib
from typing import Any

import pytest

from sluice_operator.controller.settings import Settings
from tests.integration.chart.rendering import NAMESPACE, Chart, Document, pod_specs

EVERYTHING: dict[str, Any] = {
    "image": {"pullSecrets": ["registry"]},
    "operator": {
        "replicas": 2,
        "nodeSelector": {"kubernetes.io/arch": "amd64"},
        "tolerations": [{"key": "dedicated", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "priorityClassName": "system-cluster-critical",
    },
    "prometheus": {"ca": {"configMap": "authority"}, "token": {"secret": "reader"}},
    "alerts": {"enabled": True},
    "dashboard": {"enabled": True},
    "scrape": {"enabled": True, "podMonitor": {"enabled": True, "labels": {"release": "prometheus"}}},
    "runtime": {"namespaces": ["team-a", "team-b"]},
}
VALUES = [
    {},
    EVERYTHING,
    {"runtime": {"enabled": False}, "networkPolicy": {"enabled": False}, "aggregateRoles": False},
]

_RESTRICTED_VOLUMES = {"configMap", "secret", "projected", "emptyDir", "downwardAPI", "csi", "ephemeral"}


@pytest.mark.parametrize("values", VALUES)
def test_every_pod_is_one_that_level_restricted_admits(chart: Chart, values: dict[str, Any]) -> None:
    pods = pod_specs(chart.objects(**values))

    assert pods
    for name, pod in pods.items():
        assert restricted_faults(pod) == [], name


def restricted_faults(pod: Document) -> list[str]:
    """What Pod Security's level `restricted` would refuse, and a root file system that can be written."""
    faults = [key for key in ("hostNetwork", "hostPID", "hostIPC") if pod.get(key)]
    security = pod.get("securityContext", {})
    faults += [] if security.get("runAsNonRoot") is True and security.get("runAsUser") else ["runs as root"]
    faults += [] if security.get("seccompProfile") == {"type": "RuntimeDefault"} else ["seccompProfile"]
    faults += [str(one) for one in pod.get("volumes", []) if not (one.keys() - {"name"}) <= _RESTRICTED_VOLUMES]
    for container in (*pod.get("initContainers", []), *pod["containers"]):
        own = container.get("securityContext", {})
        faults += [] if own.get("allowPrivilegeEscalation") is False else ["allowPrivilegeEscalation"]
        faults += [] if own.get("readOnlyRootFilesystem") is True else ["readOnlyRootFilesystem"]
        faults += [] if own.get("capabilities") == {"drop": ["ALL"]} else ["capabilities"]
        faults += ["hostPort"] if any("hostPort" in port for port in container.get("ports", [])) else []
        faults += [] if container.get("resources", {}).get("requests") else ["no requests"]
    return faults


@pytest.mark.parametrize("values", VALUES)
def test_every_object_says_what_it_belongs_to(chart: Chart, values: dict[str, Any]) -> None:
    for one in chart.objects(**values):
        if one["kind"] != "CustomResourceDefinition":
            assert one["metadata"]["labels"]["app.kubernetes.io/instance"] == "sluice", one["metadata"]["name"]


def test_the_operators_pods_run_where_the_values_say(chart: Chart) -> None:
    pod = chart.object("Deployment", "sluice-operator", **EVERYTHING)["spec"]["template"]["spec"]

    wanted = {key: value for key, value in EVERYTHING["operator"].items() if key != "replicas"}
    assert {key: pod[key] for key in wanted} == wanted
    assert pod["imagePullSecrets"] == [{"name": "registry"}]


def test_the_network_lets_in_probes_and_lets_out_what_the_operator_asks(chart: Chart) -> None:
    policy = chart.object("NetworkPolicy", "sluice-operator")["spec"]
    pod = chart.object("Deployment", "sluice-operator")["spec"]["template"]

    assert policy["podSelector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert policy["ingress"] == [{"ports": [{"protocol": "TCP", "port": "http"}]}]
    platform, prometheus, models = policy["egress"]
    assert [port["port"] for port in platform["ports"]] == [53, 53, 443, 6443]
    assert [port["port"] for port in prometheus["ports"]] == [9090]
    assert models["to"][0]["podSelector"] == {"matchExpressions": [{"key": "sluice.dev/model", "operator": "Exists"}]}
    assert "ports" not in models


@pytest.mark.parametrize(
    ("url", "port"),
    [
        ("http://prometheus", 80),
        ("https://thanos.example.org/tenant", 443),
        ("https://mimir.example.org:8443/prometheus", 8443),
        ("http://[fd00::1]:9090", 9090),
    ],
)
def test_the_network_knows_the_port_of_prometheus_from_its_url(chart: Chart, url: str, port: int) -> None:
    policy = chart.object(
        "NetworkPolicy", "sluice-operator", prometheus={"url": url}, networkPolicy={"prometheusPorts": [9091]}
    )
    assert [one["port"] for one in policy["spec"]["egress"][1]["ports"]] == [port, 9091]


def test_only_those_named_may_reach_the_metrics(chart: Chart) -> None:
    peers = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]
    policy = chart.object("NetworkPolicy", "sluice-operator", networkPolicy={"ingressFrom": peers})
    (*named, check) = policy["spec"]["ingress"][0]["from"]
    assert named == peers
    pod = chart.object("Pod", "sluice-check")
    assert check["podSelector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()


def kept(documents: list[Document]) -> set[str]:
    keep = [one for one in documents if one["metadata"].get("annotations", {}).get("helm.sh/resource-policy") == "keep"]
    return {one["kind"] for one in keep}


def test_uninstalling_deletes_nothing_that_models_stand_on(chart: Chart) -> None:
    assert kept(chart.objects()) == {"CustomResourceDefinition", "ClusterServingRuntime"}
    assert kept(chart.objects(**EVERYTHING)) == {"CustomResourceDefinition", "ServingRuntime"}
    crds = [one for one in chart.objects() if one["kind"] == "CustomResourceDefinition"]
    assert all("helm.sh/resource-policy" in one["metadata"]["annotations"] for one in crds)


def test_a_runtime_carries_its_version_in_its_name(chart: Chart) -> None:
    documents = chart.objects(runtime={"namespaces": ["team-a", "team-b"]})
    runtimes = [one["metadata"] for one in documents if one["kind"] == "ServingRuntime"]

    assert [(one["namespace"], one["name"]) for one in runtimes] == [
        ("team-a", "sluice-transformers-0.1.0"),
        ("team-b", "sluice-transformers-0.1.0"),
    ]
    assert not any(one["kind"] == "ClusterServingRuntime" for one in documents)


def test_objects_of_the_release_are_in_its_namespace(chart: Chart) -> None:
    namespaced = {"Deployment", "Service", "ServiceAccount", "NetworkPolicy", "Role", "RoleBinding"}
    for one in chart.objects():
        if one["kind"] in namespaced:
            assert one["metadata"]["namespace"] == NAMESPACE


def test_of_several_operators_one_leads_and_they_are_spread_and_not_all_taken_at_once(chart: Chart) -> None:
    documents = chart.objects(operator={"replicas": 2})
    deployment = chart.object("Deployment", "sluice-operator", operator={"replicas": 2})["spec"]
    pod = deployment["template"]

    (budget,) = [one["spec"] for one in documents if one["kind"] == "PodDisruptionBudget"]
    assert budget["maxUnavailable"] == 1
    assert deployment["replicas"] == 2
    spread = pod["spec"]["topologySpreadConstraints"]
    assert [one["topologyKey"] for one in spread] == ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]
    for selector in (budget["selector"], *(one["labelSelector"] for one in spread)):
        assert selector["matchLabels"].items() <= pod["metadata"]["labels"].items()


def test_one_operator_may_be_drained_with_its_node(chart: Chart) -> None:
    assert not [one for one in chart.objects() if one["kind"] == "PodDisruptionBudget"]


@pytest.mark.parametrize(
    ("replicas", "strategy"),
    [
        (1, {"type": "Recreate"}),
        (3, {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}),
    ],
)
def test_an_old_operator_is_gone_before_a_new_one_comes(chart: Chart, replicas: int, strategy: Document) -> None:
    deployment = chart.object("Deployment", "sluice-operator", operator={"replicas": replicas})
    assert deployment["spec"]["strategy"] == strategy


def test_the_operator_is_told_its_lease_and_may_hold_no_other(chart: Chart) -> None:
    pod = chart.object("Deployment", "sluice-operator")["spec"]["template"]["spec"]
    told = {one["name"]: one for one in pod["containers"][0]["env"]}

    assert told["SLUICE_LEASE_NAME"]["value"] == "sluice-operator"
    for name, path in (("SLUICE_NAMESPACE", "metadata.namespace"), ("SLUICE_POD_NAME", "metadata.name")):
        assert told[name]["valueFrom"]["fieldRef"]["fieldPath"] == path
    rules = chart.object("Role", "sluice-operator")["rules"]
    named = {verb for rule in rules for verb in rule["verbs"] if rule.get("resourceNames") == ["sluice-operator"]}
    unnamed = {verb for rule in rules for verb in rule["verbs"] if "resourceNames" not in rule}
    assert (named, unnamed) == ({"get", "update"}, {"create"})


def test_the_operators_settings_are_all_that_it_must_be_told(chart: Chart) -> None:
    for kind, name in (("Deployment", "sluice-operator"), ("Pod", "sluice-check")):
        document = chart.object(kind, name)
        spec = document["spec"] if kind == "Pod" else document["spec"]["template"]["spec"]
        environment = spec["containers"][0]["env"]
        told = {one["name"]: one.get("value", "a-name") for one in environment}
        assert len(told) == len(environment)
        assert Settings.from_environment(told).domain == "sluice.local"


def test_what_takes_leave_exists_only_while_it_does(chart: Chart) -> None:
    hooks = [one for one in chart.objects() if one["metadata"]["name"] == "sluice-uninstall"]
    by_kind = {one["kind"]: one["metadata"]["annotations"] for one in hooks}

    assert set(by_kind) == {"ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "Job"}
    for annotations in by_kind.values():
        assert annotations["helm.sh/hook"] == "pre-delete"
        assert annotations["helm.sh/hook-delete-policy"] == "before-hook-creation,hook-succeeded"
    weights = {kind: int(one.get("helm.sh/hook-weight", "0")) for kind, one in by_kind.items()}
    assert weights["Job"] > weights["RoleBinding"] > weights["Role"]
    assert weights["Job"] > weights["ClusterRoleBinding"] > weights["ClusterRole"]


def test_who_takes_leave_waits_for_the_operators_pods_and_not_for_itself(chart: Chart) -> None:
    job = chart.object("Job", "sluice-uninstall")["spec"]["template"]
    told = {one["name"]: one.get("value") for one in job["spec"]["containers"][0]["env"]}
    selector = dict(part.split("=") for part in told["SLUICE_SELECTOR"].split(","))

    operator = chart.object("Deployment", "sluice-operator")["spec"]["template"]
    assert selector.items() <= operator["metadata"]["labels"].items()
    assert not selector.items() <= job["metadata"]["labels"].items()


@pytest.mark.parametrize(
    ("kind", "name"), [("Job", "sluice-uninstall"), ("Pod", "sluice-check"), ("Deployment", "sluice-operator")]
)
def test_every_pod_runs_a_program_that_there_is(chart: Chart, kind: str, name: str) -> None:
    document = chart.object(kind, name)
    spec = document["spec"] if kind == "Pod" else document["spec"]["template"]["spec"]
    command = spec["containers"][0].get("command", ["python", "-P", "-m", "sluice_operator"])
    assert command[:3] == ["python", "-P", "-m"]
    assert callable(importlib.import_module(command[3] if "." in command[3] else "sluice_operator.__main__").main)
