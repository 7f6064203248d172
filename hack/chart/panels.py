"""What the Grafana dashboard shows: a table of panels. A panel is a question, what its axis counts, and queries."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

_OURS = 'namespace=~"$namespace",model=~"$model"'
_PODS = 'namespace=~"$namespace",sluice_model=~"$model"'
_BY_VERSION = "namespace, sluice_model, sluice_version"
_VERSION = "{{sluice_model}} {{sluice_version}}"


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked of Prometheus, and how a series of the answer is called."""

    expr: str
    legend: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture.

    Attributes:
        title: A question that it answers.
        unit: Grafana's name of the unit.
        queries: What it shows.
        kind: Lines over time, or a table of now.
        limit: The upper end of the axis, where there is one.
    """

    title: str
    unit: str
    queries: tuple[Query, ...]
    kind: Literal["timeseries", "table"] = "timeseries"
    limit: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """Panels about one matter."""

    title: str
    panels: tuple[Panel, ...]


def _sum(metric: str, labels: str = _PODS, *, by: str = _BY_VERSION) -> str:
    return f"sum by ({by}) (rate({metric}{{{labels}}}[$__rate_interval]))"


def _quantile(part: float, metric: str, labels: str = _PODS, *, by: str = _BY_VERSION) -> str:
    return f"histogram_quantile({part}, {_sum(metric, labels, by=f'{by}, le' if by else 'le')})"


_LIVE = f'{_PODS},traffic="live"'
_ERRORS = f'{_LIVE},code=~"5.."'
_RECONCILES = 'controller="modelversion"'

ROWS = (
    Row(
        "Rollouts",
        (
            Panel(
                "Who gets how much of the traffic",
                "percent",
                (
                    Query(
                        f"max by (namespace, model, version) (sluice_rollout_weight{{{_OURS}}})",
                        "{{model}} {{version}}",
                    ),
                ),
                limit=100,
            ),
            Panel(
                "How far versions have come",
                "none",
                (Query(f"max by (namespace, model, version, phase) (sluice_rollout_phase{{{_OURS}}})", ""),),
                kind="table",
            ),
            Panel(
                "Versions that go no further by themselves",
                "none",
                (Query(f"max by (namespace, model, version, reason) (sluice_rollout_stalled{{{_OURS}}})", ""),),
                kind="table",
            ),
            Panel(
                "Versions taken back",
                "none",
                (
                    Query(
                        f'sum by (namespace, model) (sluice_rollout_phase{{{_OURS},phase=~"RollingBack|RolledBack"}})',
                        "{{namespace}}/{{model}}",
                    ),
                ),
            ),
            Panel("Requests a second", "reqps", (Query(_sum("sluice_requests_total", _LIVE), _VERSION),)),
            Panel(
                "Share of requests that fail",
                "percentunit",
                (
                    Query(
                        f"{_sum('sluice_requests_total', _ERRORS)} / {_sum('sluice_requests_total', _LIVE)}", _VERSION
                    ),
                ),
                limit=1,
            ),
            Panel(
                "How long requests take",
                "s",
                tuple(
                    Query(_quantile(part, "sluice_request_duration_seconds_bucket", _LIVE), f"{_VERSION} {name}")
                    for part, name in ((0.5, "half"), (0.99, "99 %"))
                ),
            ),
        ),
    ),
    Row(
        "Predictors",
        (
            Panel(
                "Requests in flight",
                "none",
                (Query(f"sum by ({_BY_VERSION}) (sluice_requests_in_flight{{{_PODS}}})", _VERSION),),
            ),
            Panel(
                "How long 99 % wait for their turn at most",
                "s",
                (Query(_quantile(0.99, "sluice_queue_seconds_bucket"), _VERSION),),
            ),
            Panel(
                "Texts in a batch",
                "none",
                (Query(f"{_sum('sluice_batch_size_sum')} / {_sum('sluice_batch_size_count')}", _VERSION),),
            ),
            Panel(
                "What the model says",
                "percentunit",
                (
                    Query(
                        f"{_sum('sluice_predictions_total', by=f'{_BY_VERSION}, label')}"
                        f" / ignoring (label) group_left {_sum('sluice_predictions_total')}",
                        f"{_VERSION} {{{{label}}}}",
                    ),
                ),
                limit=1,
            ),
            Panel(
                "Engines lost",
                "none",
                (
                    Query(
                        f"sum by ({_BY_VERSION}) (increase(sluice_engine_restarts_total{{{_PODS}}}[$__rate_interval]))",
                        _VERSION,
                    ),
                ),
            ),
            Panel(
                "What runs",
                "none",
                (
                    Query(
                        "count by (namespace, sluice_model, sluice_version, digest, engine, precision)"
                        f" (sluice_model_info{{{_PODS}}})",
                        "",
                    ),
                ),
                kind="table",
            ),
        ),
    ),
    Row(
        "Operator",
        (
            Panel(
                "Reconciles a second",
                "ops",
                (Query(_sum("controller_runtime_reconcile_total", _RECONCILES, by="result"), "{{result}}"),),
            ),
            Panel(
                "How long 99 % of the reconciles take at most",
                "s",
                (
                    Query(
                        _quantile(0.99, "controller_runtime_reconcile_time_seconds_bucket", _RECONCILES, by=""),
                        "reconcile",
                    ),
                ),
            ),
            Panel("Models that wait", "none", (Query('max(workqueue_depth{name="modelversion"})', "waiting"),)),
            Panel(
                "From the sample that decided to the route at weight 0",
                "s",
                tuple(
                    Query(
                        f"histogram_quantile({part}, sum by (le)"
                        " (increase(sluice_rollout_sample_to_route_seconds_bucket[$__range])))",
                        name,
                    )
                    for part, name in ((0.5, "half"), (0.99, "99 %"))
                ),
            ),
        ),
    ),
)


def queries() -> Iterator[str]:
    """Every query of the dashboard, with Grafana's variables in it."""
    for row in ROWS:
        for panel in row.panels:
            for query in panel.queries:
                yield query.expr
