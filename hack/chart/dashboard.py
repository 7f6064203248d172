"""The Grafana dashboard of the chart, from the table of its panels.

Everything that Grafana wants beside the queries is the same for all panels, and is said here once.
"""

import json
from typing import Any

from hack.chart.panels import ROWS, Panel

UID = "sluice-rollouts"
_COLUMNS = 24
_WIDTH = 8
_HEIGHT = 8
_DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}


def dashboard() -> str:
    """The dashboard as Grafana imports it."""
    document = {
        "uid": UID,
        "title": "Sluice",
        "description": "Rollouts of model versions, the predictors behind them, and the operator.",
        "tags": ["sluice"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": [_datasource(), _variable("namespace"), _variable("model")]},
        "panels": _laid_out(),
    }
    return json.dumps(document, indent=1) + "\n"


def _datasource() -> dict[str, Any]:
    return {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}


def _variable(label: str) -> dict[str, Any]:
    return {
        "name": label,
        "type": "query",
        "datasource": _DATASOURCE,
        "query": f"label_values(sluice_rollout_weight, {label})",
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "current": {"text": "All", "value": "$__all"},
    }


def _laid_out() -> list[dict[str, Any]]:
    """Rows under each other, panels three abreast."""
    out: list[dict[str, Any]] = []
    top = 0
    for row in ROWS:
        grid = {"x": 0, "y": top, "w": _COLUMNS, "h": 1}
        out.append({"id": len(out) + 1, "type": "row", "title": row.title, "collapsed": False, "gridPos": grid})
        top += 1
        for number, panel in enumerate(row.panels):
            across, down = number * _WIDTH % _COLUMNS, number * _WIDTH // _COLUMNS
            place = {"x": across, "y": top + down * _HEIGHT, "w": _WIDTH, "h": _HEIGHT}
            out.append({"id": len(out) + 1, "gridPos": place, **_panel(panel)})
        top += -(-len(row.panels) * _WIDTH // _COLUMNS) * _HEIGHT
    return out


def _panel(panel: Panel) -> dict[str, Any]:
    defaults: dict[str, Any] = {"unit": panel.unit, "min": 0}
    if panel.limit is not None:
        defaults["max"] = panel.limit
    table = panel.kind == "table"
    targets = [
        {
            "refId": chr(ord("A") + number),
            "datasource": _DATASOURCE,
            "expr": query.expr,
            "legendFormat": query.legend,
            "instant": table,
            "range": not table,
            "format": "table" if table else "time_series",
        }
        for number, query in enumerate(panel.queries)
    ]
    return {
        "type": panel.kind,
        "title": panel.title,
        "datasource": _DATASOURCE,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "targets": targets,
    }
