"""What the chart installs: pods that the strictest Pod Security admits, a closed network, and what is kept."""

import importlib
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from hack.chart import runtimes
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
    "ledger": {"postgresql": {"secretName": "ledger"}},
    "alerts": {"enabled": True},
    "dashboard": {"enabled": True},
    "scrape": {"enabled": True, "podMonitor": {"enabled": True, "labels": {"release": "prometheus"}}},
    "runtime": {"namespaces": ["team-a", "team-b"]},
}
POSTGRESQL: dict[str, Any] = {"ledger": {"postgresql": {"secretName": "ledger"}}}
VALUES = [
    {},
    EVERYTHING,
    {"runtime": {"enabled": False}, "networkPolicy": {"enabled": False}, "aggregateRoles": False},
]

_RESTRICTED_VOLUMES = {
    *("configMap", "secret", "projected", "emptyDir", "downwardAPI", "csi", "ephemeral", "persistentVolumeClaim")
}


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


def test_dns_may_have_other_ports_than_its_own(chart: Chart) -> None:
    policy = chart.object("NetworkPolicy", "sluice-operator", networkPolicy={"dnsPorts": [5353]})

    assert policy["spec"]["egress"][0]["ports"][:4] == [
        {"protocol": protocol, "port": port} for port in (53, 5353) for protocol in ("UDP", "TCP")
    ]


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


def test_uninstalling_deletes_nothing_that_models_stand_on_and_not_the_record(chart: Chart) -> None:
    assert kept(chart.objects()) == {"CustomResourceDefinition", "ClusterServingRuntime", "PersistentVolumeClaim"}
    assert kept(chart.objects(**EVERYTHING)) == {"CustomResourceDefinition", "ServingRuntime"}
    crds = [one for one in chart.objects() if one["kind"] == "CustomResourceDefinition"]
    assert all("helm.sh/resource-policy" in one["metadata"]["annotations"] for one in crds)


def runtime_names(documents: list[Document]) -> tuple[str, str]:
    """The name of the runtime, and of the one that the operator takes by default."""
    (made,) = [one["metadata"]["name"] for one in documents if one["kind"] == "ClusterServingRuntime"]
    (operator,) = [one for one in documents if one["kind"] == "Deployment"]
    told = {one["name"]: one.get("value") for one in operator["spec"]["template"]["spec"]["containers"][0]["env"]}
    return made, told["SLUICE_DEFAULT_RUNTIME"]


def test_the_shipped_runtime_is_the_charts(chart: Chart) -> None:
    (made,) = [one for one in chart.objects() if one["kind"] == "ClusterServingRuntime"]
    shipped = runtimes.manifest("ClusterServingRuntime")

    assert (made["metadata"]["name"], made["spec"]) == (shipped["metadata"]["name"], shipped["spec"])


@pytest.mark.parametrize("image", [{"predictor": "example.org/another:1.0"}, {"pullPolicy": "Always"}])
def test_another_image_is_another_runtime_so_that_running_services_keep_theirs(chart: Chart, image: Document) -> None:
    before, after = runtime_names(chart.objects()), runtime_names(chart.objects(image=image))

    assert before[0] != after[0]
    assert before[0] == before[1]
    assert after[0] == after[1]


def test_what_a_runtime_does_not_say_leaves_it_as_it_is(chart: Chart) -> None:
    other = {"image": {"operator": "example.org/another:1.0"}, "operator": {"replicas": 3}, **POSTGRESQL}

    assert runtime_names(chart.objects()) == runtime_names(chart.objects(**other))


def test_a_runtime_carries_its_version_in_its_name(chart: Chart) -> None:
    documents = chart.objects(runtime={"namespaces": ["team-a", "team-b"]})
    made = [one["metadata"] for one in documents if one["kind"] == "ServingRuntime"]

    assert [one["namespace"] for one in made] == ["team-a", "team-b"]
    (name,) = {one["name"] for one in made}
    assert re.fullmatch(r"sluice-transformers-0\.1\.0-[0-9a-f]{8}", name)
    assert not any(one["kind"] == "ClusterServingRuntime" for one in documents)


NUMBERS: list[Document] = [
    {
        "image": {"pullSecrets": ["2024"]},
        "operator": {"priorityClassName": "2024", "replicas": 2},
        "ledger": {"postgresql": {"secretName": "2024"}},
        "prometheus": {"ca": {"configMap": "2024"}, "token": {"secret": "2025"}, "gateway": "istio"},
        "scrape": {"enabled": True, "namespace": "2024", "name": "2024", "podMonitor": {"enabled": True}},
        "dashboard": {"enabled": True, "namespace": "2024"},
        "alerts": {"enabled": True},
        "runtime": {"namespaces": ["2024"]},
    },
    {
        "scope": "Namespaced",
        "watchNamespaces": ["2024"],
        "prometheus": {"ca": {"secret": "2024"}, "basic": {"secret": "2025"}},
    },
]


@pytest.mark.parametrize("values", NUMBERS)
def test_names_may_be_numbers(chart: Chart, values: Document) -> None:
    named = replace(chart, namespace="2023", release="1")

    numbers = [
        (one["kind"], one["metadata"]["name"], *path)
        for one in named.objects(**values)
        for path, value in leaves(one)
        if path[-1] in _NAMES and not isinstance(value, str)
    ]

    assert numbers == []
    (job,) = [one for one in named.objects(**values) if one["kind"] == "Job"]
    told = {one["name"]: one.get("value") for one in job["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert told["SLUICE_SELECTOR"] == (
        "app.kubernetes.io/name=sluice,app.kubernetes.io/instance=1,app.kubernetes.io/component=operator"
    )


_NAMES = {"name", "namespace", "secretName", "priorityClassName", "app.kubernetes.io/instance", "value"}


def leaves(document: Any, *path: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Everything in a document that has no parts, and where it is."""
    if isinstance(document, dict):
        for key, value in document.items():
            yield from leaves(value, *path, key)
    elif isinstance(document, list):
        for value in document:
            yield from leaves(value, *path)
    else:
        yield path, document


def test_objects_of_the_release_are_in_its_namespace(chart: Chart) -> None:
    namespaced = {"Deployment", "Service", "ServiceAccount", "NetworkPolicy", "Role", "RoleBinding"}
    for one in chart.objects():
        if one["kind"] in namespaced:
            assert one["metadata"]["namespace"] == NAMESPACE


def test_of_several_operators_one_leads_and_they_are_spread_and_not_all_taken_at_once(chart: Chart) -> None:
    documents = chart.objects(operator={"replicas": 2}, **POSTGRESQL)
    deployment = chart.object("Deployment", "sluice-operator", operator={"replicas": 2}, **POSTGRESQL)["spec"]
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
    deployment = chart.object("Deployment", "sluice-operator", operator={"replicas": replicas}, **POSTGRESQL)
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


def test_the_operator_computes_in_no_more_threads_than_its_own(chart: Chart) -> None:
    (container,) = chart.object("Deployment", "sluice-operator")["spec"]["template"]["spec"]["containers"]

    assert {"name": "OPENBLAS_NUM_THREADS", "value": "1"} in container["env"]


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
