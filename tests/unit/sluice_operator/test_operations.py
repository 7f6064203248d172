"""What an SRE sees: settings that say what is wrong, logs a machine can read, metrics under known names."""

import json
import logging
import sys
from pathlib import Path

import pytest
from making import T0
from prometheus_client import generate_latest
from pydantic import ValidationError

from sluice_operator.api.status import Condition, ModelVersionStatus, Phase
from sluice_operator.controller import logs
from sluice_operator.controller.logs import JsonFormatter
from sluice_operator.controller.metrics import Metrics
from sluice_operator.controller.settings import Settings

GIVEN = {
    "SLUICE_PROMETHEUS_URL": "http://prometheus:9090",
    "SLUICE_GATEWAY_NAME": "contour",
    "SLUICE_GATEWAY_NAMESPACE": "projectcontour",
    "SLUICE_DOMAIN": "sluice.local",
    "SLUICE_NAMESPACE": "sluice-system",
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
        ("SLUICE_NAMESPACE", None),
        ("SLUICE_POD_NAME", ""),
        ("SLUICE_PROMETHEUS_HEADERS", "X-Scope-OrgID: team-a"),
        ("SLUICE_INTERVAL", "0"),
        ("SLUICE_INTERVAL", "often"),
    ],
)
def test_a_setting_that_is_missing_or_wrong_is_named(name, value):
    given = {key: text for key, text in {**GIVEN, name: value}.items() if text is not None}

    with pytest.raises(ValidationError) as caught:
        Settings.from_environment(given)
    assert [f"SLUICE_{str(error['loc'][0]).upper()}" for error in caught.value.errors()] == [name]


def test_how_prometheus_is_reached_is_read_from_the_environment():
    files = {"CA": "/a/ca.crt", "TOKEN": "/a/token", "USERNAME": "/a/username", "PASSWORD": "/a/password"}
    given = {f"SLUICE_PROMETHEUS_{name}_FILE": path for name, path in files.items()}
    headers = {"SLUICE_PROMETHEUS_HEADERS": '{"X-Scope-OrgID": "team-a"}'}
    access = Settings.from_environment({**GIVEN, **given, **headers}).prometheus

    paths = (access.ca_file, access.token_file, access.username_file, access.password_file)
    assert paths == tuple(Path(path) for path in files.values())
    assert access.headers == {"X-Scope-OrgID": "team-a"}


@pytest.mark.parametrize("headers", ["[]", '{"a b": "c"}', '{"a": "b\\r\\nc: d"}', '{"": "x"}', '{"a": 1}'])
def test_a_header_that_would_be_another_is_refused(headers):
    with pytest.raises(ValidationError):
        Settings.from_environment({**GIVEN, "SLUICE_PROMETHEUS_HEADERS": headers})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("SLUICE_ROUTE_ALLOWED", "*.example.com"),
        ("SLUICE_ROUTE_ALLOWED", '[{"hostnames": ["*"]}]'),
        ("SLUICE_ROUTE_ALLOWED", '[{"namespaces": ["*"], "hostnames": ["[a-z]"]}]'),
        ("SLUICE_WATCH_NAMESPACES", "team-a"),
        ("SLUICE_WATCH_NAMESPACES", '["Team A"]'),
        ("SLUICE_PROMETHEUS_NAMESPACES", '{"team-a": {"token_file": "/token"}}'),
        ("SLUICE_PROMETHEUS_NAMESPACES", '{"team-a": {"url": "http://a", "interval": 1}}'),
        ("SLUICE_PROMETHEUS_NAMESPACES", '{"../a": {"url": "http://a"}}'),
    ],
)
def test_what_is_said_about_namespaces_is_said_whole(name, text):
    with pytest.raises(ValidationError, match=name.removeprefix("SLUICE_").lower()):
        Settings.from_environment({**GIVEN, name: text})


def test_two_processes_outside_pods_never_share_a_name():
    assert Settings.from_environment(GIVEN).pod_name != Settings.from_environment(GIVEN).pod_name


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


def stalled(reason):
    return Condition(type="Stalled", status="True", reason=reason, message="", last_transition_time=T0)


def test_what_a_version_is_stalled_by_is_shown_while_it_is():
    metrics = Metrics()
    metrics.show(**NAMED, status=ModelVersionStatus(conditions=[stalled("HostnameTaken")]))
    metrics.show(**NAMED, status=ModelVersionStatus(conditions=[stalled("RouteRefused")]))
    labels = 'model="sms",namespace="default",reason="RouteRefused",version="1.1.0"'
    assert f"sluice_rollout_stalled{{{labels}}} 1.0" in about(metrics)

    metrics.show(**NAMED, status=ModelVersionStatus())
    assert not [line for line in about(metrics) if "stalled" in line]


def said(metrics):
    return generate_latest(metrics.registry).decode().splitlines()


def test_known_results_are_there_from_the_start_so_that_rates_have_a_beginning():
    lines = said(Metrics())

    for result in ("success", "error", "requeue_after"):
        assert f'controller_runtime_reconcile_total{{controller="modelversion",result="{result}"}} 0.0' in lines
    assert 'controller_runtime_reconcile_errors_total{controller="modelversion"} 0.0' in lines
    for metric in ("workqueue_depth", "workqueue_adds_total", "workqueue_retries_total"):
        assert f'{metric}{{controller="modelversion",name="modelversion"}} 0.0' in lines


def test_the_metrics_have_the_names_that_boards_ask_for():
    metrics = Metrics()
    metrics.runtime.watch_lease("sluice-operator", holds=lambda: True)
    metrics.runtime.asked(host="10.0.0.1:443")("GET", "200")
    names = {line.split()[2] for line in said(metrics) if line.startswith("# TYPE")}

    assert names >= {
        "controller_runtime_active_workers",
        "controller_runtime_max_concurrent_reconciles",
        "controller_runtime_reconcile_errors_total",
        "controller_runtime_reconcile_time_seconds",
        "controller_runtime_reconcile_total",
        "leader_election_master_status",
        "rest_client_requests_total",
        "workqueue_adds_total",
        "workqueue_depth",
        "workqueue_longest_running_processor_seconds",
        "workqueue_queue_duration_seconds",
        "workqueue_retries_total",
        "workqueue_unfinished_work_seconds",
        "workqueue_work_duration_seconds",
    }
    assert 'rest_client_requests_total{code="200",host="10.0.0.1:443",method="GET"} 1.0' in said(metrics)


def test_the_lease_is_shown_as_it_is_when_it_is_asked_for():
    metrics, holds = Metrics(), [False]
    metrics.runtime.watch_lease("sluice-operator", holds=lambda: holds[0])
    assert 'leader_election_master_status{name="sluice-operator"} 0.0' in said(metrics)
    holds[0] = True

    assert 'leader_election_master_status{name="sluice-operator"} 1.0' in said(metrics)


def test_work_under_way_is_shown_by_its_sum_and_its_longest():
    metrics = Metrics()
    metrics.queue.watch(depth=lambda: 7, working=lambda: [1.5, 3.0])
    lines = said(metrics)

    for name, value in (("depth", 7.0), ("unfinished_work_seconds", 4.5), ("longest_running_processor_seconds", 3.0)):
        assert f'workqueue_{name}{{controller="modelversion",name="modelversion"}} {value}' in lines


# What a line is about, and what it never says


def test_every_line_within_is_about_the_same_and_none_after():
    formatter = JsonFormatter()
    with logs.about(namespace="default", model="sms"):
        with logs.about(version="1.1.0"):
            inner = json.loads(formatter.format(record("route written")))
        outer = json.loads(formatter.format(record("it", namespace="its own")))
    after = json.loads(formatter.format(record("it")))

    assert (inner["namespace"], inner["model"], inner["version"]) == ("default", "sms", "1.1.0")
    assert (outer["namespace"], outer["model"]) == ("its own", "sms")
    assert "version" not in outer
    assert "model" not in after


@pytest.mark.parametrize(
    "text",
    [
        "cannot connect to http://sluice:hunter2@prometheus:9090/api",
        "cannot connect to https://hunter2@prometheus",
        "401 for Authorization: Bearer hunter2hunter2.x-y_z",
        "401 for Basic aHVudGVyMjpodW50ZXIy hunter",
    ],
)
def test_credentials_are_not_logged(text):
    line = record("%s", text)
    try:
        raise ValueError(text)
    except ValueError:
        line.exc_info = sys.exc_info()
    formatted = JsonFormatter().format(line)

    assert "hunter2" not in formatted
    assert "aHVudGVyMjpodW50ZXIy" not in formatted
    assert "***" in formatted


def test_a_line_is_bounded_and_an_exception_keeps_its_end():
    line = record("x" * 100_000)
    try:
        raise ValueError("y" * 100_000 + "the end")
    except ValueError:
        line.exc_info = sys.exc_info()
    written = JsonFormatter().format(line)

    assert len(written) < 20_000
    assert json.loads(written)["exception"].endswith("the end")


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "../a", "url_file": "/a/url", "key_file": "/a/key"},
        {"name": "a", "url_file": "/a/url"},
        {"name": "a", "url_file": "/a/url", "key_file": "/a/key", "format": "slack"},
        {"name": "a", "url_file": "/a/url", "key_file": "/a/key", "events": ["Rolledback"]},
        {"name": "a", "url": "https://example.org", "url_file": "/a/url", "key_file": "/a/key"},
    ],
)
def test_a_destination_of_notifications_that_could_not_work_is_refused(wrong):
    with pytest.raises(ValidationError):
        Settings.from_environment({**GIVEN, "SLUICE_NOTIFICATIONS": json.dumps([wrong])})
