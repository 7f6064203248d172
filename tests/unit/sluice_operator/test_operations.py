"""What an SRE sees: settings that say what is wrong, logs a machine can read, metrics under known names."""

import json
import logging
import sys

import pytest
from prometheus_client import generate_latest
from pydantic import ValidationError

from sluice_operator.api.modelversion import ModelVersionStatus, Phase
from sluice_operator.controller.logs import JsonFormatter
from sluice_operator.controller.metrics import Metrics
from sluice_operator.controller.settings import Settings

GIVEN = {
    "SLUICE_PROMETHEUS_URL": "http://prometheus:9090",
    "SLUICE_GATEWAY_NAME": "contour",
    "SLUICE_GATEWAY_NAMESPACE": "projectcontour",
    "SLUICE_DOMAIN": "sluice.local",
}


def test_settings_are_read_from_the_environment():
    settings = Settings.from_environment({**GIVEN, "SLUICE_INTERVAL": "2.5", "PATH": "/bin"})

    assert (settings.prometheus_url, settings.interval, settings.default_runtime) == ("http://prometheus:9090", 2.5, "")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SLUICE_PROMETHEUS_URL", None),
        ("SLUICE_PROMETHEUS_URL", "prometheus:9090"),
        ("SLUICE_DOMAIN", ""),
        ("SLUICE_INTERVAL", "0"),
        ("SLUICE_INTERVAL", "often"),
    ],
)
def test_a_setting_that_is_missing_or_wrong_is_named(name, value):
    given = {key: text for key, text in {**GIVEN, name: value}.items() if text is not None}

    with pytest.raises(ValidationError) as caught:
        Settings.from_environment(given)
    assert [f"SLUICE_{str(error['loc'][0]).upper()}" for error in caught.value.errors()] == [name]


def record(message="it %s", *args, **fields):
    return logging.getLogger("sluice").makeRecord("sluice", logging.INFO, "f", 1, message, args, None, extra=fields)


def test_a_log_line_is_one_json_object_with_what_it_is_about():
    line = JsonFormatter().format(record("it %s\nso", "is", namespace="default", weights={"a": 5}))

    assert "\n" not in line
    said = json.loads(line)
    assert (
        said.items()
        >= {
            "level": "info",
            "logger": "sluice",
            "message": "it is\nso",
            "namespace": "default",
            "weights": {"a": 5},
        }.items()
    )
    assert said["time"].endswith("+00:00")


def test_an_exception_is_within_its_line():
    line = record("it broke")
    try:
        raise ValueError("because")
    except ValueError:
        line.exc_info = sys.exc_info()

    assert "ValueError: because" in json.loads(JsonFormatter().format(line))["exception"]


def about(metrics):
    """What the metrics say of one version."""
    text = generate_latest(metrics.registry).decode()
    return [line for line in text.splitlines() if 'version="1.1.0"' in line]


NAMED = {"namespace": "default", "model": "sms", "version": "1.1.0"}


def test_a_version_has_one_phase_and_one_weight_and_leaves_nothing_behind():
    metrics = Metrics()
    metrics.show(**NAMED, status=ModelVersionStatus(phase=Phase.CANARY, weight=5))
    metrics.show(**NAMED, status=ModelVersionStatus(phase=Phase.PROBATION, weight=100))

    assert about(metrics) == [
        'sluice_rollout_weight{model="sms",namespace="default",version="1.1.0"} 100.0',
        'sluice_rollout_phase{model="sms",namespace="default",phase="Probation",version="1.1.0"} 1.0',
    ]
    metrics.forget(**NAMED)
    metrics.forget(**NAMED)
    assert about(metrics) == []


def test_known_results_are_there_from_the_start_so_that_rates_have_a_beginning():
    text = generate_latest(Metrics().registry).decode()

    for result in ("success", "error", "requeue_after"):
        assert f'controller_runtime_reconcile_total{{controller="modelversion",result="{result}"}} 0.0' in text
    assert 'workqueue_depth{name="modelversion"} 0.0' in text
