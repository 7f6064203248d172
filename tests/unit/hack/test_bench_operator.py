"""How the operator's benchmark reads what it measured."""

import json
from pathlib import Path

import pytest

from hack.bench.errors import BenchError
from hack.bench.figures import p99
from hack.bench.operator import audit
from hack.bench.operator.docs import parts
from hack.bench.operator.figures import BOUNDS, Found, figures, shown
from hack.bench.operator.parts import Load, Rollback, histogram_quantile
from hack.bench.operator.plot import draw

BUCKET = 'controller_runtime_reconcile_time_seconds_bucket{controller="modelversion",le="%s"}'


def event(verb: str, resource: str, *, second: int, name: str = "", stage: str = "ResponseComplete", **more: object):
    return {
        "verb": verb,
        "stage": stage,
        "stageTimestamp": f"2026-01-01T00:00:{second:02}.000000Z",
        "objectRef": {"resource": resource, "apiGroup": "group", "name": name},
        **more,
    }


def route(second: int, **weights: int):
    refs = [{"name": f"{name}-predictor", "weight": weight} for name, weight in weights.items()]
    body = {"spec": {"rules": [{"backendRefs": refs}]}}
    return event("patch", "httproutes", second=second, name="sms", requestObject=body)


@pytest.fixture
def log(tmp_path: Path):
    def write(*events: object) -> list[audit.Call]:
        path = tmp_path / "audit.log"
        path.write_text("".join(json.dumps(one) + "\n" for one in events))
        return list(audit.calls(path))

    return write


def test_a_watch_counts_when_it_begins_and_not_again_when_it_ends(log):
    calls = log(
        event("watch", "pods", second=1, stage="ResponseStarted"),
        event("watch", "pods", second=9),
    )

    assert [(call.verb, call.resource) for call in calls] == [("watch", "pods")]


def test_at_rest_an_operator_watches_and_renews_its_lease_and_nothing_else(log):
    calls = log(
        event("watch", "pods", second=1, stage="ResponseStarted"),
        event("update", "leases", second=2),
        event("get", "httproutes", second=3),
    )

    assert [call.resource for call in audit.restless(calls)] == ["httproutes"]
    assert audit.writes(calls) == []


def test_weight_0_is_the_first_write_after_the_change_that_says_so(log):
    calls = log(
        route(1, good=100, bad=0), route(2, good=95, bad=5), route(4, good=100, bad=0), route(5, good=100, bad=0)
    )
    changed = calls[1].at

    assert audit.zero_at(calls, model="sms", service="bad", after=changed) == calls[2].at
    assert audit.zero_at(calls, model="other", service="bad", after=changed) is None


def test_a_quantile_is_interpolated_in_its_bucket_over_what_was_counted_meanwhile():
    before = {BUCKET % "0.1": 50.0, BUCKET % "1": 50.0, BUCKET % "+Inf": 50.0}
    after = {BUCKET % "0.1": 100.0, BUCKET % "1": 150.0, BUCKET % "+Inf": 150.0, "other": 1.0}

    assert histogram_quantile(0.75, before, after) == pytest.approx(0.55)


def test_without_a_reconcile_there_is_no_quantile():
    counts = {BUCKET % "+Inf": 3.0}

    with pytest.raises(BenchError):
        histogram_quantile(0.99, counts, counts)


def test_what_was_not_measured_is_null_and_never_left_out():
    assert set(figures(Found()).values()) == {None}
    assert BOUNDS.keys() <= figures(Found()).keys()


def test_the_figures_come_from_what_was_found():
    load = Load(seconds=120, cores=0.5, rss_mb=200, calls_per_s=30, writes_per_s=20)
    few = [Rollback(20, 0.1, 0.6), Rollback(20, 0.2, 1.1), Rollback(20, 0.3, 0.7)]
    found = figures(Found(few=few, many_load=load, idle=load))

    assert (found["sample_to_zero_p50_s"], found["change_to_zero_max_s"]) == (0.2, 1.1)
    assert (found["rollouts_1000_api_writes_per_s"], found["idle_10000_calls_per_min"]) == (20, 1800)


def test_the_99th_percentile_of_too_few_values_is_not_known():
    assert p99([1.0]) is None
    assert p99([1.0, 1.0]) == 1.0


def test_a_figure_says_whether_it_is_what_it_must_be():
    assert shown("failover_s", 14.0) == ("14", "≤ 15", "yes")
    assert shown("failover_s", 16.0) == ("16", "≤ 15", "NO")
    assert shown("failover_s", None) == ("not measured", "≤ 15", "")


def test_the_page_says_what_was_not_measured():
    machine = {
        "cores": 2,
        "processor": "p",
        "memory_gb": 8.0,
        "system": "s",
        "python": "3",
        "versions": {"etcd": "3.6"},
    }
    summary = {"environment": machine, "figures": figures(Found()), "failures": ["idle: it never came to rest"]}

    said = parts(summary)

    assert said[0] == "2 cores, p, 8 GB, s, Python 3, etcd 3.6."
    assert said[-1] == "Not measured: idle: it never came to rest."


def test_a_run_without_figures_can_still_be_drawn(tmp_path):
    draw(Found(), figures(Found()), tmp_path / "picture.svg")

    assert "10,000 idle" in (tmp_path / "picture.svg").read_text()
