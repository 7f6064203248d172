"""Where the record is kept: a volume that outlives the release, or PostgreSQL, which several operators may share."""

from typing import Any

import pytest

from sluice_operator.ledger import ON_VOLUME
from tests.integration.chart.rendering import Chart, Document, HelmError

POSTGRESQL: dict[str, Any] = {"ledger": {"postgresql": {"secretName": "records", "secretKey": "dsn"}}}


def operator(chart: Chart, **values: Any) -> Document:
    deployment = chart.object("Deployment", "sluice-operator", **values)
    pod: Document = deployment["spec"]["template"]["spec"]
    return pod


def url(pod: Document) -> Document:
    (container,) = pod["containers"]
    (found,) = [one for one in container["env"] if one["name"] == "SLUICE_LEDGER_URL"]
    return dict(found)


def claims(chart: Chart, **values: Any) -> list[Document]:
    return [one for one in chart.objects(**values) if one["kind"] == "PersistentVolumeClaim"]


def test_unless_something_else_is_said_it_is_a_file_on_a_volume_that_outlives_the_release(chart: Chart) -> None:
    (claim,) = claims(chart)
    pod = operator(chart)

    assert claim["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    assert claim["spec"] == {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    (volume,) = [one for one in pod["volumes"] if "persistentVolumeClaim" in one]
    assert volume["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    (mount,) = [one for one in pod["containers"][0]["volumeMounts"] if one["name"] == volume["name"]]
    assert f"sqlite:///{mount['mountPath']}/ledger.db" == ON_VOLUME
    assert "SLUICE_LEDGER_URL" not in {one["name"] for one in pod["containers"][0]["env"]}


def test_the_volume_may_be_of_another_size_and_class(chart: Chart) -> None:
    (claim,) = claims(chart, ledger={"sqlite": {"size": "20Gi", "storageClassName": "fast"}})

    assert claim["spec"]["storageClassName"] == "fast"
    assert claim["spec"]["resources"]["requests"]["storage"] == "20Gi"


def test_a_file_is_one_operators_alone(chart: Chart) -> None:
    with pytest.raises(HelmError) as refused:
        chart.text(operator={"replicas": 2})

    assert "/operator/replicas" in str(refused.value).replace(".", "/")
    assert chart.object("Deployment", "sluice-operator")["spec"]["strategy"] == {"type": "Recreate"}


def test_postgresql_is_reached_by_a_url_that_is_in_a_secret(chart: Chart) -> None:
    pod = operator(chart, operator={"replicas": 2}, **POSTGRESQL)

    assert claims(chart, **POSTGRESQL) == []
    assert not [one for one in pod.get("volumes", []) if one["name"] == "ledger"]
    assert url(pod)["valueFrom"] == {"secretKeyRef": {"name": "records", "key": "dsn", "optional": True}}


def test_the_operator_may_reach_postgresql_where_there_is_one(chart: Chart) -> None:
    def let_out(**values: Any) -> set[int]:
        policy = chart.object("NetworkPolicy", "sluice-operator", **values)
        return {port["port"] for rule in policy["spec"]["egress"] for port in rule.get("ports", [])}

    assert 5432 not in let_out()
    assert let_out(**POSTGRESQL) - let_out() == {5432}
    assert let_out(**POSTGRESQL, networkPolicy={"postgresqlPorts": [6432]}) - let_out() == {6432}


@pytest.mark.parametrize(
    ("where", "ledger"),
    [
        ("/ledger/sqlite/size", {"sqlite": {"size": "much"}}),
        ("/ledger/postgresql/secretName", {"postgresql": {"secretName": "Not A Name"}}),
        ("/ledger/postgresql/secretKey", {"postgresql": {"secretKey": ""}}),
        ("mysql", {"mysql": {}}),
    ],
)
def test_a_wrong_value_is_refused_with_its_place(chart: Chart, where: str, ledger: dict[str, Any]) -> None:
    with pytest.raises(HelmError) as refused:
        chart.text(ledger=ledger)
    assert where in str(refused.value).replace(".", "/")
