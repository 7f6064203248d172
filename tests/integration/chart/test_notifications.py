"""Who is told of what becomes of versions: addresses and keys are files of Secrets, and are nowhere else."""

import json
from typing import Any

import pytest

from sluice_operator.controller.notices import Format
from sluice_operator.controller.settings import Settings
from sluice_operator.rollout.transitions import REASONS
from tests.integration.chart.rendering import CHART, Chart, Document, HelmError

FOLDER = "/etc/sluice/notifications"
BOTH = [
    {"name": "oncall", "secret": "rollout-hook", "events": ["RollbackStarted"]},
    {"name": "channel", "secret": "slack", "format": "slack"},
]


def operator_pod(chart: Chart, **values: Any) -> Document:
    pod: Document = chart.object("Deployment", "sluice-operator", **values)["spec"]["template"]["spec"]
    return pod


def told(pod: Document) -> dict[str, str]:
    return {one["name"]: one["value"] for one in pod["containers"][0]["env"] if "value" in one}


def test_each_destination_has_a_folder_with_what_it_needs(chart: Chart) -> None:
    pod = operator_pod(chart, notifications=BOTH)

    (volume,) = [one for one in pod["volumes"] if one["name"] == "notifications"]
    assert volume["projected"]["sources"] == [
        {
            "secret": {
                "name": "rollout-hook",
                "optional": True,
                "items": [{"key": "url", "path": "oncall/url"}, {"key": "key", "path": "oncall/key"}],
            }
        },
        {"secret": {"name": "slack", "optional": True, "items": [{"key": "url", "path": "channel/url"}]}},
    ]
    (mount,) = [one for one in pod["containers"][0]["volumeMounts"] if one["name"] == "notifications"]
    assert mount == {"name": "notifications", "mountPath": FOLDER, "readOnly": True}


def test_what_the_operator_is_told_it_understands(chart: Chart) -> None:
    settings = Settings.from_environment(told(operator_pod(chart, notifications=BOTH)) | {"SLUICE_NAMESPACE": "x"})

    oncall, channel = (one.destination for one in settings.notifications)
    assert (oncall.name, oncall.form, oncall.events) == ("oncall", Format.PLAIN, frozenset({"RollbackStarted"}))
    assert (str(oncall.url_file), str(oncall.key_file)) == (f"{FOLDER}/oncall/url", f"{FOLDER}/oncall/key")
    assert (channel.form, channel.key_file) == (Format.SLACK, None)
    assert all(channel.wants(reason) for reason in REASONS)


def test_without_a_destination_nothing_is_mounted_told_or_let_out(chart: Chart) -> None:
    pod = operator_pod(chart)

    assert [volume["name"] for volume in pod["volumes"]] == ["ledger"]
    assert "SLUICE_NOTIFICATIONS" not in told(pod)
    assert "notification" not in json.dumps(chart.object("NetworkPolicy", "sluice-operator"))


def test_secrets_of_prometheus_and_of_notifications_lie_beside_each_other(chart: Chart) -> None:
    pod = operator_pod(chart, notifications=BOTH, prometheus={"token": {"secret": "thanos"}})

    assert [volume["name"] for volume in pod["volumes"]] == ["prometheus", "notifications", "ledger"]
    mounts = pod["containers"][0]["volumeMounts"]
    assert [mount["name"] for mount in mounts] == ["prometheus", "notifications", "ledger"]


def test_the_network_lets_out_to_the_ports_of_receivers_alone(chart: Chart) -> None:
    def ports(**values: Any) -> list[list[int]]:
        rules = chart.object("NetworkPolicy", "sluice-operator", **values)["spec"]["egress"]
        return [[port["port"] for port in rule["ports"]] for rule in rules if "ports" in rule]

    assert ports(notifications=BOTH) == [*ports(), [443]]
    assert ports(notifications=BOTH, networkPolicy={"notificationPorts": [8443]}) == [*ports(), [8443]]


@pytest.mark.parametrize(
    ("message", "values"),
    [
        ("two have the name oncall", {"notifications": [BOTH[0], BOTH[0]]}),
        ("url", {"notifications": [{**BOTH[0], "url": "https://hooks.slack.com/services/secret"}]}),
        ("secret", {"notifications": [{"name": "oncall"}]}),
        ("format", {"notifications": [{**BOTH[0], "format": "html"}]}),
        ("name", {"notifications": [{**BOTH[0], "name": "../oncall"}]}),
        ("events", {"notifications": [{**BOTH[0], "events": ["Rolledback"]}]}),
        ("notificationPorts", {"networkPolicy": {"notificationPorts": []}}),
    ],
)
def test_what_could_not_work_is_refused(chart: Chart, message: str, values: dict[str, Any]) -> None:
    with pytest.raises(HelmError, match=message):
        chart.text(**values)


def test_the_schema_knows_every_event_that_is_told() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())

    assert set(schema["definitions"]["notification"]["properties"]["events"]["items"]["enum"]) == REASONS
