"""An installation for some namespaces has rights in these and nothing outside; one for all has what there is once."""

import json
from typing import Any

import pytest

from sluice_operator.controller.settings import Settings
from tests.integration.chart.rendering import NAMESPACE, Chart, Document, HelmError

NAMESPACED: dict[str, Any] = {
    "scope": "Namespaced",
    "watchNamespaces": ["team-a", "team-b"],
    "scrape": {"enabled": True, "namespace": NAMESPACE, "podMonitor": {"enabled": True}},
}
_OF_NAMESPACES = {
    *("ConfigMap", "Deployment", "Job", "NetworkPolicy", "Pod", "PodMonitor", "Role", "RoleBinding"),
    *("PersistentVolumeClaim", "Service", "ServiceAccount", "ServingRuntime"),
}


def environment(chart: Chart, **values: Any) -> dict[str, str]:
    containers = chart.object("Deployment", "sluice-operator", **values)["spec"]["template"]["spec"]["containers"]
    return {one["name"]: one.get("value", "a-name") for one in containers[0]["env"]}


def test_nothing_of_it_belongs_to_the_whole_cluster(chart: Chart) -> None:
    documents = chart.objects(**NAMESPACED)

    assert {one["kind"] for one in documents} == _OF_NAMESPACES
    assert {one["metadata"]["namespace"] for one in documents} == {NAMESPACE, "team-a", "team-b"}


def rules(documents: list[Document], kind: str, name: str, namespace: str | None = None) -> Any:
    (found,) = [
        one["rules"]
        for one in documents
        if (one["kind"], one["metadata"]["name"], one["metadata"].get("namespace")) == (kind, name, namespace)
    ]
    return found


def test_the_operator_may_do_the_same_in_each_of_its_namespaces_as_elsewhere_in_all(chart: Chart) -> None:
    everywhere, here = chart.objects(), chart.objects(**NAMESPACED)

    for namespace in ("team-a", "team-b"):
        assert rules(here, "Role", "sluice-models", namespace) == rules(everywhere, "ClusterRole", "sluice-operator")
        assert rules(here, "Role", "sluice-uninstall-models", namespace) == rules(
            everywhere, "ClusterRole", "sluice-uninstall"
        )
    bound = {
        (one["metadata"]["namespace"], one["roleRef"]["name"], one["subjects"][0]["name"])
        for one in here
        if one["kind"] == "RoleBinding"
    }
    assert {one for one in bound if one[0] != NAMESPACE} == {
        (namespace, role, account)
        for namespace in ("team-a", "team-b")
        for role, account in (("sluice-models", "sluice-operator"), ("sluice-uninstall-models", "sluice-uninstall"))
    }


def test_its_programs_are_told_the_namespaces(chart: Chart) -> None:
    told = environment(chart, **NAMESPACED)
    job = chart.object("Job", "sluice-uninstall", **NAMESPACED)["spec"]["template"]["spec"]["containers"][0]["env"]

    assert Settings.from_environment(told).watch_namespaces == ("team-a", "team-b")
    (watched,) = [one["value"] for one in job if one["name"] == "SLUICE_WATCH_NAMESPACES"]
    assert json.loads(watched) == ["team-a", "team-b"]
    assert "SLUICE_WATCH_NAMESPACES" not in environment(chart)


def test_its_models_are_scraped_in_its_namespaces_alone(chart: Chart) -> None:
    monitor = chart.object("PodMonitor", "sluice-predictors", **NAMESPACED)
    assert monitor["spec"]["namespaceSelector"] == {"matchNames": ["team-a", "team-b"]}
    config = chart.object("ConfigMap", "sluice-scrape-config", **NAMESPACED)["data"]["sluice.yml"]
    assert 'namespaces: {names: ["team-a","team-b"]}' in config

    everywhere = chart.object("PodMonitor", "sluice-predictors", scrape={"podMonitor": {"enabled": True}})
    assert everywhere["spec"]["namespaceSelector"] == {"any": True}


def test_a_runtime_is_put_into_each_of_its_namespaces(chart: Chart) -> None:
    runtimes = [one["metadata"] for one in chart.objects(**NAMESPACED) if one["kind"] == "ServingRuntime"]
    assert [one["namespace"] for one in runtimes] == ["team-a", "team-b"]


@pytest.mark.parametrize(
    ("values", "sure"),
    [({}, True), (NAMESPACED, False), ({**NAMESPACED, "admissionInstalled": True}, True)],
)
def test_acts_are_accepted_only_where_admission_sees_to_it_whose_they_are(
    chart: Chart, values: dict[str, Any], sure: bool
) -> None:
    assert Settings.from_environment(environment(chart, **values)).acts_admitted is sure


@pytest.mark.parametrize(
    "values",
    [
        {"scope": "Namespaced"},
        {"watchNamespaces": ["team-a"]},
        {"scope": "Cluster", "watchNamespaces": ["team-a"]},
        {"scope": "Namespaced", "watchNamespaces": ["Team A"]},
        {"scope": "Everything"},
    ],
)
def test_a_scope_that_contradicts_the_namespaces_is_refused(chart: Chart, values: dict[str, Any]) -> None:
    with pytest.raises(HelmError, match=r"watchNamespaces|scope"):
        chart.text(**values)


def test_what_policies_may_ask_for_is_told_as_it_is(chart: Chart) -> None:
    allowed = [{"namespaces": ["team-*"], "hostnames": ["*.example.com"], "gateways": ["infra/edge"]}]
    gateway = {"name": "edge", "namespace": "infra", "namesVersions": False}
    told = Settings.from_environment(environment(chart, route={"allowed": allowed, "gateway": gateway})).gateway

    assert (told.name, told.names_versions) == ("edge", False)
    (rule,) = told.allowed
    assert (rule.namespaces, rule.hostnames, rule.gateways) == (("team-*",), ("*.example.com",), ("infra/edge",))
    assert Settings.from_environment(environment(chart)).gateway.names_versions


@pytest.mark.parametrize("entry", [{}, {"namespaces": []}, {"namespaces": ["a"], "hostnames": ["["]}, {"names": ["a"]}])
def test_what_would_allow_something_else_than_it_says_is_refused(chart: Chart, entry: dict[str, Any]) -> None:
    with pytest.raises(HelmError, match="allowed"):
        chart.text(route={"allowed": [entry]})
