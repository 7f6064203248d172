"""ModelVersions as an API server would tell them, with all that a test does not speak of filled in."""

from datetime import UTC, datetime, timedelta
from typing import Any

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)

GATES = [
    {"name": "errors", "metric": "error-rate", "limit": {"above": 0.1, "minRequests": 50}, "compare": {}},
    {"name": "depth", "query": {"value": "queue_depth"}, "limit": {"atLeast": 40}},
]
SETTINGS = {
    "steps": [{"weight": 5, "hold": "2m"}, {"weight": 25, "hold": "5m", "approvals": {"count": 1, "group": "leads"}}],
    "probation": {"duration": "10m", "holdback": 5},
    "readyTimeout": "10m",
    "analysis": {"gates": GATES},
}


def version(
    name: str, phase: str | None = None, *, model: str = "sms", days: float = 0.0, **status: Any
) -> dict[str, Any]:
    """A version of a model, made so many days before NOW; its status where it has a phase."""
    made = NOW - timedelta(days=days)
    return {
        "apiVersion": "sluice.dev/v1alpha1",
        "kind": "ModelVersion",
        "metadata": {
            "namespace": "payments",
            "name": name,
            "uid": f"uid-of-{name}",
            "creationTimestamp": made.isoformat(),
            "generation": 1,
        },
        "spec": {"model": model, "version": name.removeprefix(f"{model}-"), "source": {"storageUri": "pvc://m/1"}},
        "status": {"phase": phase, "attempt": 1, "observedGeneration": 1, "effectiveRollout": SETTINGS, **status}
        if phase
        else {},
    }


def condition(kind: str, reason: str, *, status: str = "True") -> dict[str, Any]:
    return {"type": kind, "status": status, "reason": reason, "message": "", "lastTransitionTime": NOW.isoformat()}


def pod(name: str, of: dict[str, Any], *, ready: bool = True, restarts: int = 0, waiting: str = "") -> dict[str, Any]:
    """A pod of a version."""
    state = {"waiting": {"reason": waiting}} if waiting else {"running": {}}
    return {
        "metadata": {
            "namespace": "payments",
            "name": name,
            "creationTimestamp": (NOW - timedelta(minutes=3)).isoformat(),
            "labels": {"sluice.dev/model": of["spec"]["model"], "sluice.dev/version": of["spec"]["version"]},
        },
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
            "containerStatuses": [{"restartCount": restarts, "state": state}],
        },
    }
