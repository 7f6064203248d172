"""The chart as the real Helm renders it, and the real promtool; both are built where they are missing."""

import pytest
from rich.console import Console

from hack.cluster.commands import Shell
from hack.cluster.gobuild import HELM, PROMTOOL, add_go_tools
from hack.cluster.paths import Paths, default_paths
from hack.cluster.report import ConsoleReport
from hack.cluster.steps import Plan, run_plan
from tests.integration.chart.rendering import Chart


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first test may have to compile Helm."""
    for item in items:
        item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(scope="session")
def tools() -> Paths:
    """Where Helm and promtool are."""
    paths = default_paths()
    shell = Shell(logs=paths.logs)
    plan = Plan()
    add_go_tools(plan, (HELM, PROMTOOL), paths=paths, shell=shell)
    with ConsoleReport(Console()) as report:
        run_plan(plan, report=report, stop=shell.stop)
    return paths


@pytest.fixture(scope="session")
def chart(tools: Paths) -> Chart:
    return Chart(helm=tools.bin / HELM.name)
