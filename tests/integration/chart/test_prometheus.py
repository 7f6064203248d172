"""How the operator reaches Prometheus: secrets as files that may change, everything else as environment."""

import json
from typing import Any

import pytest

from sluice_operator.controller.settings import Settings
from tests.integration.chart.rendering import Chart, Document, HelmError

FOLDER = "/etc/sluice/prometheus"


def operator_pod(chart: Chart, **prometheus: Any) -> Document:
    pod: Document = chart.object("Deployment", "sluice-operator", prometheus=prometheus)["spec"]["template"]["spec"]
    return pod


def environment(pod: Document) -> dict[str, str]:
    return {one["name"]: one["value"] for one in pod["containers"][0]["env"] if "value" in one}


def sources(pod: Document) -> list[Document]:
    (volume,) = [one for one in pod["volumes"] if one["name"] == "prometheus"]
    found: list[Document] = volume["projected"]["sources"]
    return found


def test_without_secrets_nothing_is_mounted(chart: Chart) -> None:
    pod = operator_pod(chart)

    assert [one["name"] for one in pod["volumes"]] == ["ledger"]
    assert [one["name"] for one in pod["containers"][0]["volumeMounts"]] == ["ledger"]
    assert not [name for name in environment(pod) if name.startswith("SLUICE_PROMETHEUS_") and not name.endswith("URL")]


def test_a_token_and_an_authority_are_files(chart: Chart) -> None:
    pod = operator_pod(
        chart,
        url="https://thanos.example.org",
        ca={"configMap": "corporate", "key": "bundle.pem"},
        token={"secret": "thanos", "key": "bearer"},
    )

    assert environment(pod)["SLUICE_PROMETHEUS_URL"] == "https://thanos.example.org"
    assert environment(pod)["SLUICE_PROMETHEUS_CA_FILE"] == f"{FOLDER}/ca.crt"
    assert environment(pod)["SLUICE_PROMETHEUS_TOKEN_FILE"] == f"{FOLDER}/token"
    assert sources(pod) == [
        {"configMap": {"name": "corporate", "items": [{"key": "bundle.pem", "path": "ca.crt"}]}},
        {"secret": {"name": "thanos", "items": [{"key": "bearer", "path": "token"}]}},
    ]


def test_name_and_password_are_files(chart: Chart) -> None:
    pod = operator_pod(chart, ca={"secret": "authority"}, basic={"secret": "mimir"})

    assert environment(pod)["SLUICE_PROMETHEUS_USERNAME_FILE"] == f"{FOLDER}/username"
    assert environment(pod)["SLUICE_PROMETHEUS_PASSWORD_FILE"] == f"{FOLDER}/password"
    assert [source["secret"]["name"] for source in sources(pod)] == ["authority", "mimir"]
    keys = [item["key"] for item in sources(pod)[1]["secret"]["items"]]
    assert keys == ["username", "password"]


def test_files_are_the_operators_to_read_and_are_seen_when_they_change(chart: Chart) -> None:
    pod = operator_pod(chart, token={"secret": "thanos"})

    (mount,) = [one for one in pod["containers"][0]["volumeMounts"] if one["name"] == "prometheus"]
    assert mount == {"name": "prometheus", "mountPath": FOLDER, "readOnly": True}
    assert pod["volumes"][0]["projected"]["defaultMode"] == 0o440
    assert pod["securityContext"]["fsGroup"] == pod["securityContext"]["runAsGroup"]


def test_headers_are_told_as_they_are(chart: Chart) -> None:
    headers = {"X-Scope-OrgID": "team-a|team-b", "X-Quote": 'say "hello" {{ .Values }}'}
    told = environment(operator_pod(chart, headers=headers))["SLUICE_PROMETHEUS_HEADERS"]
    assert json.loads(told) == headers


@pytest.mark.parametrize(
    ("message", "prometheus"),
    [
        ("prometheus.ca: set configMap or secret", {"ca": {"configMap": "a", "secret": "b"}}),
        ("prometheus: set token.secret or basic.secret", {"token": {"secret": "a"}, "basic": {"secret": "b"}}),
        ("X-Split", {"headers": {"X-Split\r\nX-Other": "a"}}),
        ("/prometheus/headers/X-Scope-OrgID", {"headers": {"X-Scope-OrgID": "a\r\nX-Other: b"}}),
    ],
)
def test_what_contradicts_itself_is_refused(chart: Chart, message: str, prometheus: dict[str, Any]) -> None:
    with pytest.raises(HelmError, match=message):
        chart.text(prometheus=prometheus)


OWN = {
    "team-a": {"url": "https://mimir.example.org", "token": {"secret": "a"}, "headers": {"X-Scope-OrgID": "a"}},
    "team-b": {"url": "http://prometheus.team-b:9091", "ca": {"configMap": "b"}, "basic": {"secret": "b"}},
}


def test_a_namespaces_own_prometheus_has_its_own_files_and_takes_nothing_from_the_others(chart: Chart) -> None:
    pod = operator_pod(chart, token={"secret": "shared"}, namespaces=OWN)
    told = json.loads(environment(pod)["SLUICE_PROMETHEUS_NAMESPACES"])

    assert told == {
        "team-a": {
            "url": "https://mimir.example.org",
            "token_file": f"{FOLDER}/team-a/token",
            "headers": {"X-Scope-OrgID": "a"},
        },
        "team-b": {
            "url": "http://prometheus.team-b:9091",
            "ca_file": f"{FOLDER}/team-b/ca.crt",
            "username_file": f"{FOLDER}/team-b/username",
            "password_file": f"{FOLDER}/team-b/password",
        },
    }
    paths = [item["path"] for one in sources(pod) for source in one.values() for item in source["items"]]
    assert paths == ["token", "team-a/token", "team-b/ca.crt", "team-b/username", "team-b/password"]


def test_what_the_operator_is_told_of_them_it_understands(chart: Chart) -> None:
    settings = Settings.from_environment(environment(operator_pod(chart, namespaces=OWN)) | {"SLUICE_NAMESPACE": "x"})

    assert settings.prometheus_namespaces["team-a"].access.headers == {"X-Scope-OrgID": "a"}
    assert settings.prometheus_namespaces["team-b"].access.token_file is None


def test_the_network_lets_out_to_each_of_them(chart: Chart) -> None:
    policy = chart.object("NetworkPolicy", "sluice-operator", prometheus={"namespaces": OWN})["spec"]
    assert [port["port"] for port in policy["egress"][1]["ports"]] == [9090, 443, 9091]


@pytest.mark.parametrize(
    ("message", "own"),
    [
        ("team-a", {"team-a": {"token": {"secret": "a"}}}),
        ("Team A", {"Team A": {"url": "http://a"}}),
        ("team-a", {"team-a": {"url": "http://user:word@a"}}),
        (
            "prometheus.namespaces.team-a: set token.secret or",
            {"team-a": {"url": "http://a", "token": {"secret": "a"}, "basic": {"secret": "b"}}},
        ),
        ("interval", {"team-a": {"url": "http://a", "interval": 1}}),
    ],
)
def test_a_namespaces_prometheus_that_is_not_said_whole_is_refused(
    chart: Chart, message: str, own: dict[str, Any]
) -> None:
    with pytest.raises(HelmError, match=message):
        chart.text(prometheus={"namespaces": own})


def test_the_gateway_and_queries_of_ones_own_are_told_of_each_prometheus_by_itself(chart: Chart) -> None:
    allowed = {"team-a": {"url": "http://a", "gateway": "istio", "customQueries": {"enabled": True}}}
    pod = operator_pod(chart, gateway="contour", namespaces=allowed | {"team-b": {"url": "http://b"}})
    settings = Settings.from_environment(environment(pod) | {"SLUICE_NAMESPACE": "x"})
    a, b = (settings.prometheus_namespaces[name].access for name in ("team-a", "team-b"))

    assert (settings.prometheus.gateway, settings.prometheus.custom_queries) == ("contour", False)
    assert (a.gateway, a.custom_queries) == ("istio", True)
    assert (b.gateway, b.custom_queries) == (None, False)


def test_queries_of_ones_own_are_asked_of_all_only_where_that_is_said(chart: Chart) -> None:
    pod = operator_pod(chart, customQueries={"enabled": True})
    settings = Settings.from_environment(environment(pod) | {"SLUICE_NAMESPACE": "x"})

    assert settings.prometheus.custom_queries
    assert settings.prometheus.gateway is None


def test_a_gateway_whose_counters_nobody_can_read_is_refused(chart: Chart) -> None:
    with pytest.raises(HelmError, match="gateway"):
        chart.text(prometheus={"gateway": "envoy-gateway"})
