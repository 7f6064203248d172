"""The operator with a real Prometheus: what only the Gateway sees, and what a version asks in words of its own."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hack.testbed.controlplane import ControlPlane
from tests.integration.operator.scraped import Exporter, Served, scraping
from tests.integration.operator.stage import LONG, ROLLOUT, SECONDS, Stage, staged

ERRORS = ROLLOUT["analysis"]["gates"][0]
DRIFT = {
    "name": "drift",
    "query": {"value": 'drift_score{version="{{version}}"} - on() drift_score{version="{{stable}}"}'},
    "limit": {"above": 2, "checks": 2},
}
CLASSES: dict[str, Any] = {"name": "classes", "metric": "prediction-drift", "limit": {"above": 0.25}}
WRONG = {
    "name": "wrong",
    "query": {
        "bad": 'sum(feedback_total{version="{{version}}",wrong="yes"}) or vector(0)',
        "total": 'sum(feedback_total{version="{{version}}"})',
    },
    "limit": {"above": 0.9, "window": "10s", "checks": 1, "minRequests": 1},
    "compare": {},
}
SENSITIVITY = {
    "name": "sensitivity",
    "query": {
        "bad": 'sum(labelled_total{version="{{version}}",outcome="fn"}) or vector(0)',
        "total": 'sum(labelled_total{version="{{version}}",outcome=~"tp|fn"})',
    },
    "compare": {},
}
"""Of what was found out to be spam, the part that was not called so: from counters of a job that knows the labels."""


class Scene:
    """A stage whose operator asks a real Prometheus."""

    def __init__(self, stage: Stage, exporter: Exporter) -> None:
        self.stage = stage
        self.exporter = exporter

    async def apply(self, version: str, *gates: dict[str, Any], source: str = "Auto", **counts: Any) -> None:
        """Apply a version, and let it be scraped once it has a Service."""
        analysis = {"interval": "1s", "warmup": "0s", "source": source, "gates": list(gates or (ERRORS,))}
        await self.stage.apply("sms", version, rollout={**(LONG if gates else ROLLOUT), "analysis": analysis})
        name = f"sms-{version}"

        def has_one() -> bool:
            return "inferenceService" in self.stage.observer.status(name)

        assert await self.stage.observer.until(has_one, seconds=SECONDS)
        service = f"{self.stage.observer.status(name)['inferenceService']}-predictor"
        self.exporter.served.append(Served("default", version, service, **counts))

    async def serves(self, version: str) -> None:
        """The first version, proven."""
        await self.apply(version)
        await self.stage.reaches(f"sms-{version}", "Stable")

    def decision(self, version: str) -> dict[str, Any]:
        found: dict[str, Any] = self.stage.observer.status(f"sms-{version}")["decision"]
        return found


@pytest.fixture
async def scene(control_plane: ControlPlane, tmp_path: Path) -> AsyncIterator[Scene]:
    """With the Gateway's counters and queries of one's own."""
    exporter = Exporter()
    with scraping(exporter, tmp_path) as url:
        told = {
            "SLUICE_PROMETHEUS_URL": url,
            "SLUICE_PROMETHEUS_GATEWAY": "contour",
            "SLUICE_PROMETHEUS_CUSTOM_QUERIES": "true",
        }
        async with staged(control_plane, tmp_path, **told) as stage:
            yield Scene(stage, exporter)


@pytest.fixture
async def bare(control_plane: ControlPlane, tmp_path: Path) -> AsyncIterator[Scene]:
    """With neither."""
    exporter = Exporter()
    with scraping(exporter, tmp_path) as url:
        async with staged(control_plane, tmp_path, SLUICE_PROMETHEUS_URL=url) as stage:
            yield Scene(stage, exporter)


async def test_a_version_that_refuses_connections_is_taken_back_by_what_the_gateway_counts(scene: Scene) -> None:
    await scene.serves("1.0.0")
    await scene.apply("1.1.0", ERRORS, refused=4)

    await scene.stage.reaches("sms-1.1.0", "RolledBack")
    assert scene.decision("1.1.0")["gate"] == "errors"


async def test_its_predictors_alone_saw_nothing_of_it(bare: Scene) -> None:
    await bare.serves("1.0.0")
    await bare.apply("1.1.0", ERRORS, refused=4)

    await bare.stage.gate_is("sms-1.1.0", "Pass")


async def test_who_wants_the_gateways_word_where_there_is_none_is_told(bare: Scene) -> None:
    await bare.serves("1.0.0")
    await bare.apply("1.1.0", ERRORS, source="Gateway")

    await bare.stage.says("sms-1.1.0", "GateUnanswerable: errors: the installation does not say which Gateway it has")


async def test_a_value_of_ones_own_takes_a_version_back(scene: Scene) -> None:
    await scene.serves("1.0.0")
    await scene.apply("1.1.0", DRIFT, drift=4)

    await scene.stage.reaches("sms-1.1.0", "RolledBack")
    assert scene.decision("1.1.0")["gate"] == "drift"
    assert "3, limit 2, in 2 checks in a row" in scene.decision("1.1.0")["reason"]


async def test_counters_of_ones_own_are_compared_with_stables(scene: Scene) -> None:
    await scene.serves("1.0.0")
    await scene.apply("1.1.0", WRONG, refused=20, rate=100)

    await scene.stage.reaches("sms-1.1.0", "RolledBack")
    assert scene.decision("1.1.0")["gate"] == "wrong"
    assert "worse than stable" in scene.decision("1.1.0")["reason"]


async def test_a_version_that_calls_everything_spam_is_taken_back(bare: Scene) -> None:
    """It answers as fast as stable, and without an error. It takes some hundred predictions, and a minute of them."""
    await bare.serves("1.0.0")
    (stable,) = bare.exporter.served
    stable.rate = 16  # it is looked at 800 of them as soon as there is enough to tell flocks of requests by
    await bare.apply("1.1.0", ERRORS, CLASSES, rate=50, spam=50)

    await bare.stage.reaches("sms-1.1.0", "RolledBack", within=5 * SECONDS)
    assert bare.decision("1.1.0")["gate"] == "classes"
    assert 'most of all "' in bare.decision("1.1.0")["reason"]
    (said,) = (gate for gate in bare.stage.observer.status("sms-1.1.0")["gates"] if gate["name"] == "classes")
    assert said["drift"]["low"] > CLASSES["limit"]["above"]


async def test_a_query_where_none_is_allowed_is_told_and_never_asked(bare: Scene) -> None:
    await bare.serves("1.0.0")
    await bare.apply("1.1.0", DRIFT, drift=4)

    await bare.stage.says("sms-1.1.0", "GateUnanswerable: drift: this installation asks no queries of one's own")


async def test_a_version_that_misses_more_is_taken_back_by_what_labels_say_of_it(scene: Scene) -> None:
    await scene.serves("1.0.0")
    scene.exporter.served[0].missed = 1
    await scene.apply("1.1.0", SENSITIVITY, rate=20, missed=6)

    await scene.stage.reaches("sms-1.1.0", "RolledBack")
    assert scene.decision("1.1.0")["gate"] == "sensitivity"
    assert "worse than stable" in scene.decision("1.1.0")["reason"]
