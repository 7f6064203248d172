"""The README names every setting with its default, and every metric with its labels: no more and no fewer."""

import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from hack.chart import runtimes
from sluice_predictor.metrics import DURATION_EDGES, Metrics, Protocol, Traffic
from sluice_predictor.protocol.request import MAX_BODY_BYTES, MAX_INSTANCES, MAX_TEXT_CHARACTERS
from sluice_predictor.settings import parse

README = (Path(__file__).parents[3] / "predictor" / "README.md").read_text()


def rows(title: str) -> list[list[str]]:
    """The cells of the rows of the first table under a title."""
    section = README.split(f"## {title}\n")[1].split("\n## ")[0]
    lines = [line.strip("|").split(" | ") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip(" |") for cell in line] for line in lines[2:]]


def words(cell: str) -> set[str]:
    return set(re.findall(r"`([^`]+)`", cell))


@pytest.fixture
def help_text(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit):
        parse(["--help"])
    return capsys.readouterr().out


def test_the_runtime_that_it_names_is_the_one_that_is_shipped() -> None:
    assert re.findall(r"runtime: (\S+)", README) == [runtimes.manifest("ServingRuntime")["metadata"]["name"]]


def test_every_setting_is_there(help_text: str) -> None:
    settings = set(re.findall(r"^  (--[-\w]+)", help_text, flags=re.MULTILINE))
    assert set().union(*(words(row[0]) for row in rows("Settings"))) == settings


def test_settings_have_the_defaults_that_help_tells(help_text: str) -> None:
    for names, default, *_ in rows("Settings"):
        told = [re.search(rf"^  {name}\b.* \((\S+)\)$", help_text, flags=re.MULTILINE) for name in words(names)]
        defaults = {match[1].lower().removesuffix(".0") for match in told if match}
        assert defaults <= {cell.strip("`") for cell in default.split(", ")}, names


def test_every_metric_is_there_with_its_labels() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry=registry, labels=["debit"])
    metrics.loaded(model="sms", version="1", digest="", engine="torch", precision="fp32", seconds=1)
    metrics.request(protocol=Protocol.V1, code=200, traffic=Traffic.LIVE, seconds=DURATION_EDGES[0])
    exported = {
        (family.name + ("_total" if family.type == "counter" else ""), frozenset(sample.labels.keys() - {"le"}))
        for family in registry.collect()
        for sample in family.samples
        if not sample.name.endswith("_created")
    }
    assert {(name, frozenset(words(row[1]))) for row in rows("Metrics") for name in words(row[0])} == exported


def test_the_limits_are_those_of_the_code() -> None:
    limits = dict(row[:2] for row in rows("Limits"))
    assert limits["a body"].startswith(f"{MAX_BODY_BYTES >> 20} MiB")
    assert limits["a request's texts"] == f"{MAX_INSTANCES}, of {MAX_TEXT_CHARACTERS:,} characters each"
