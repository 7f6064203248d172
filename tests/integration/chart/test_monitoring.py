"""Alerts fire when they must and only then; no alert and no panel asks for a metric that nobody exports."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from hack.chart.panels import queries
from hack.cluster.gobuild import PROMTOOL
from hack.cluster.paths import Paths
from sluice_operator.api.status import Phase
from sluice_operator.controller.metrics import Metrics as OperatorMetrics
from sluice_predictor.metrics import Metrics as PredictorMetrics
from tests.integration.chart.rendering import CHART, Chart

ALERTS = Path(__file__).with_name("alerts.yaml")
RULES = CHART / "files" / "rules.yaml"
TARGET_LABELS = {"sluice_model", "sluice_version"}
_NAME = re.compile(r"\b(?:sluice|controller_runtime|workqueue|leader_election)_[a-z_]+\b")
_VARIABLES = {"$__rate_interval": "1m", "$__range": "1h"}

Promtool = Callable[..., str]


@pytest.fixture(scope="module")
def promtool(tools: Paths) -> Promtool:
    """Run promtool; a failure is the test's, with all that promtool said."""

    def run(*words: str | Path) -> str:
        done = subprocess.run([tools.bin / PROMTOOL.name, *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="module")
def exported() -> set[str]:
    """Every name that the operator's or the predictor's code exports."""
    predictors = CollectorRegistry()
    PredictorMetrics(registry=predictors, labels=["spam"])
    names = set()
    for registry in (predictors, OperatorMetrics().registry):
        for family in registry.collect():
            suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(family.type, ("",))
            names |= {family.name + suffix for suffix in suffixes}
    return names


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def asked_for(query: str) -> set[str]:
    return set(_NAME.findall(query)) - TARGET_LABELS


def test_alerts_fire_when_they_must_and_only_then(promtool: Promtool, tmp_path: Path) -> None:
    shutil.copy(RULES, tmp_path)
    promtool("test", "rules", shutil.copy(ALERTS, tmp_path))


def test_each_alert_is_seen_firing_and_seen_silent() -> None:
    seen: dict[bool, set[str]] = {True: set(), False: set()}
    for test in yaml.safe_load(ALERTS.read_text())["tests"]:
        for case in test["alert_rule_test"]:
            seen[bool(case["exp_alerts"])].add(case["alertname"])

    names = {rule["alert"] for rule in rules()}
    assert seen == {True: names, False: names}


def test_each_alert_has_a_page_that_says_what_to_do() -> None:
    page = (CHART.parents[1] / "docs" / "alerts.md").read_text()
    for rule in rules():
        assert f"\n## {rule['alert']}\n" in page
        assert rule["annotations"]["runbook"] == f"docs/alerts.md#{rule['alert'].lower()}"
        severity = rule["labels"]["severity"]
        assert f"## {rule['alert']}\n\n*{severity.capitalize()}.*" in page


def test_every_alert_asks_for_metrics_that_are_exported(exported: set[str]) -> None:
    for rule in rules():
        assert asked_for(rule["expr"]) <= exported, rule["alert"]


def test_every_phase_that_an_alert_asks_for_is_one() -> None:
    asked = {
        phase
        for rule in rules()
        for words in re.findall(r'phase=~?"([^"]+)"', rule["expr"])
        for phase in words.split("|")
    }
    assert asked
    assert asked <= set(Phase)


def test_every_panel_asks_for_metrics_that_are_exported(exported: set[str]) -> None:
    for query in queries():
        assert asked_for(query), query
        assert asked_for(query) <= exported, query


def test_every_query_of_the_dashboard_is_one_that_prometheus_understands(promtool: Promtool, tmp_path: Path) -> None:
    records = []
    for number, query in enumerate(queries()):
        for variable, value in _VARIABLES.items():
            query = query.replace(variable, value)
        records.append({"record": f"panel:{number}", "expr": query})
    file = tmp_path / "panels.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": records}]}))

    assert f"SUCCESS: {len(records)} rules found" in promtool("check", "rules", file)


def test_the_scrape_configuration_is_one_that_prometheus_understands(
    chart: Chart, promtool: Promtool, tmp_path: Path
) -> None:
    offered = chart.object("ConfigMap", "sluice-scrape-config", scrape={"enabled": True})
    (tmp_path / "sluice.yml").write_text(offered["data"]["sluice.yml"])
    config = tmp_path / "prometheus.yml"
    config.write_text("scrape_config_files: [sluice.yml]\n")

    promtool("check", "config", config)


def test_nothing_for_others_is_installed_unless_asked_for(chart: Chart) -> None:
    kinds = {one["kind"] for one in chart.objects()}
    assert not kinds & {"PodMonitor", "ServiceMonitor", "PrometheusRule", "ConfigMap"}


def test_the_prometheus_operator_gets_the_same_rules_and_jobs(chart: Chart) -> None:
    wanted = {"enabled": True, "labels": {"release": "prometheus"}}
    values = {"alerts": wanted, "scrape": {"podMonitor": wanted, "interval": "3s"}}

    rule = chart.object("PrometheusRule", "sluice", **values)
    predictors = chart.object("PodMonitor", "sluice-predictors", **values)
    operator = chart.object("PodMonitor", "sluice-operator", **values)

    assert rule["spec"] == yaml.safe_load(RULES.read_text())
    assert all(one["metadata"]["labels"]["release"] == "prometheus" for one in (rule, predictors, operator))
    (endpoint,) = predictors["spec"]["podMetricsEndpoints"]
    assert endpoint["interval"] == "3s"
    assert {one.get("targetLabel") for one in endpoint["relabelings"]} >= TARGET_LABELS
    assert operator["spec"]["podMetricsEndpoints"] == [{"port": "http", "honorLabels": True}]
    pod = chart.object("Deployment", "sluice-operator", **values)["spec"]["template"]
    assert operator["spec"]["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()


def test_grafana_finds_the_dashboard_by_its_label(chart: Chart) -> None:
    shown = chart.object("ConfigMap", "sluice-dashboard", dashboard={"enabled": True, "namespace": "grafana"})
    dashboard = json.loads(shown["data"]["sluice.json"])

    assert shown["metadata"]["namespace"] == "grafana"
    assert shown["metadata"]["labels"]["grafana_dashboard"] == "1"
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    assert asked == list(queries())


def test_panels_lie_beside_each_other_and_never_over_each_other(chart: Chart) -> None:
    shown = chart.object("ConfigMap", "sluice-dashboard", dashboard={"enabled": True})
    cells = [
        (x, y)
        for panel in json.loads(shown["data"]["sluice.json"])["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
