"""Values: the schema refuses what would have no effect or could not work, and says where."""

from typing import Any

import pytest
import yaml

from tests.integration.chart.rendering import CHART, Chart, HelmError


@pytest.mark.parametrize(
    ("where", "values"),
    [
        ("operators", {"operators": {}}),
        ("replica", {"operator": {"replica": 2}}),
        ("cpus", {"operator": {"resources": {"cpus": "1"}}}),
        ("/operator/resources/limits/memory", {"operator": {"resources": {"limits": {"memory": "much"}}}}),
        ("/operator/tolerations/0", {"operator": {"tolerations": [{"keys": "a"}]}}),
        ("/image/operator", {"image": {"operator": ""}}),
        ("/image/operator", {"image": {"operator": "repository@sha256:short"}}),
        ("/image/pullPolicy", {"image": {"pullPolicy": "Sometimes"}}),
        ("/route/domain", {"route": {"domain": "Not_A_Domain"}}),
        ("/route/domain", {"route": {"domain": "a..b"}}),
        ("/route/domain", {"route": {"domain": "a.-b"}}),
        ("/operator/priorityClassName", {"operator": {"priorityClassName": "a: b"}}),
        ("/route/gateway/namespace", {"route": {"gateway": {"namespace": "a.b"}}}),
        ("/prometheus/url", {"prometheus": {"url": "prometheus:9090"}}),
        ("/prometheus/url", {"prometheus": {"url": "https://user:password@prometheus"}}),
        ("/prometheus/interval", {"prometheus": {"interval": 0.5}}),
        ("/networkPolicy/apiServerPorts", {"networkPolicy": {"apiServerPorts": []}}),
        ("/networkPolicy/ingressFrom/0", {"networkPolicy": {"ingressFrom": [{}]}}),
        ("/scrape/interval", {"scrape": {"interval": "soon"}}),
        ("/runtime/namespaces/0", {"runtime": {"namespaces": ["Team A"]}}),
        ("/runtime/namespaces", {"runtime": {"namespaces": ["a", "a"]}}),
    ],
)
def test_a_wrong_value_is_refused_with_its_place(chart: Chart, where: str, values: dict[str, Any]) -> None:
    with pytest.raises(HelmError) as refused:
        chart.text(**values)
    assert where in str(refused.value).replace(".", "/")


@pytest.mark.parametrize("group", yaml.safe_load((CHART / "values.yaml").read_text()))
def test_a_group_that_is_missing_is_named(chart: Chart, group: str) -> None:
    """As when an upgrade keeps the values of a chart that did not have it yet."""
    with pytest.raises(HelmError, match=f"missing property '{group}'"):
        chart.text(**{group: None})


def test_values_of_a_parent_chart_are_let_through(chart: Chart) -> None:
    assert chart.text(**{"global": {"imageRegistry": "example.org"}})


def test_an_image_may_be_named_by_its_digest(chart: Chart) -> None:
    image = f"registry.example.org:5000/sluice/operator@sha256:{'0' * 64}"
    deployment = chart.object("Deployment", "sluice-operator", image={"operator": image})
    assert deployment["spec"]["template"]["spec"]["containers"][0]["image"] == image
