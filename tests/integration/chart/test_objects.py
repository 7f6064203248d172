"""What the chart installs: pods that the strictest Pod Security admits, a closed network, and what is kept."""

from typing import Any

import pytest

from tests.integration.chart.rendering import NAMESPACE, Chart, Document, pod_specs

EVERYTHING: dict[str, Any] = {
    "image": {"pullSecrets": ["registry"]},
    "operator": {
        "nodeSelector": {"kubernetes.io/arch": "amd64"},
        "tolerations": [{"key": "dedicated", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "priorityClassName": "system-cluster-critical",
    },
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

    wanted = EVERYTHING["operator"]
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
    assert policy["spec"]["ingress"][0]["from"] == peers


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
