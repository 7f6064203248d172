"""Versions, routes and snapshots with every field that a test does not speak of filled in."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sluice_operator.analysis.gates import GateResult
from sluice_operator.api.modelversion import ModelVersionSpec
from sluice_operator.api.status import ModelVersionStatus, Phase, Verdict
from sluice_operator.rollout.plan import Plan
from sluice_operator.rollout.snapshot import Backend, Mark, PreflightResult, Route, Snapshot, Version

T0 = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
MODEL = "sms"
NAMESPACE = "default"

ROLLOUT: dict[str, Any] = {
    "steps": [{"weight": 5, "hold": "10s"}, {"weight": 50, "hold": "20s"}],
    "probation": {"duration": "30s"},
    "readyTimeout": "1m",
    "analysis": {
        "gates": [
            {
                "name": "errors",
                "metric": "error-rate",
                "limit": {"above": 0.1, "window": "1m", "checks": 2, "minRequests": 10},
            }
        ]
    },
}

GATE = ROLLOUT["analysis"]["gates"][0]
COMPARING: dict[str, Any] = {**ROLLOUT, "analysis": {"gates": [{**GATE, "compare": {}}]}}
"""The same rollout, whose gate also compares with stable in the steps."""

ANSWERED = PreflightResult(attempt=1, verdict=Verdict.PASS, message="its pod answered")
"""Asked alone, a version answers as it should, unless a test says otherwise."""


def after(seconds: float) -> datetime:
    """A moment of the test, in seconds since it began."""
    return T0 + timedelta(seconds=seconds)


def spec(version: str, **fields: Any) -> ModelVersionSpec:
    return ModelVersionSpec.model_validate(
        {
            "model": MODEL,
            "version": version,
            "source": {"storageUri": f"pvc://models/{version}"},
            "rollout": ROLLOUT,
            **fields,
        }
    )


def status(phase: Phase, **fields: Any) -> ModelVersionStatus:
    return ModelVersionStatus(phase=phase, attempt=1, **fields)


def backend(name: str, *, ready: bool = True, problem: str | None = None, **fields: Any) -> Backend:
    """What serves a version, with one pod if it is ready and nothing else is said."""
    known = {"available": int(ready), **fields}
    return Backend(name=f"{name}-be", exists=True, ready=ready, problem=problem, **known)


def version(
    name: str,
    *,
    created: float,
    is_version: str | None = None,
    ready: bool = True,
    problem: str | None = None,
    now: ModelVersionStatus | None = None,
    gates: tuple[GateResult, ...] = (),
    preflight: PreflightResult | None = ANSWERED,
    serving: Backend | None = None,
    **fields: Any,
) -> Version:
    """A version created so many seconds after the test began; `now` is the status it has."""
    return Version(
        name=name,
        uid=f"uid-{name}",
        generation=1,
        created_at=after(created),
        spec=spec(is_version or name),
        backend=serving or backend(name, ready=ready, problem=problem),
        status=now or ModelVersionStatus(),
        gates=gates,
        preflight=preflight,
        **fields,
    )


def stable(name: str = "v1", *, created: float = 0, promoted: float = 1, **fields: Any) -> Version:
    return version(name, created=created, now=status(Phase.STABLE, promoted_at=after(promoted)), **fields)


def route(*, marks: tuple[Mark, ...] = (), in_force: bool = True, **weights: int) -> Route:
    """A route with weights by the name of the version."""
    return Route(
        exists=True,
        in_force=in_force,
        weights={f"{name}-be": weight for name, weight in weights.items()},
        marks=marks,
    )


def snapshot(*versions: Version, route: Route | None = None, **fields: Any) -> Snapshot:
    return Snapshot(namespace=NAMESPACE, model=MODEL, versions=versions, route=route or Route(), **fields)


def says(verdict: Verdict, name: str = "errors") -> tuple[GateResult, ...]:
    """What one gate says."""
    return (GateResult(name=name, verdict=verdict, limit=0.1, message=f"it says {verdict}"),)


PASS, FAIL = says(Verdict.PASS), says(Verdict.FAIL)
NO_DATA, UNAVAILABLE = says(Verdict.NO_DATA), says(Verdict.UNAVAILABLE)


def weights(plan: Plan) -> dict[str, int] | None:
    """The table of a plan by the name of the version; None where the route stays as it is."""
    if plan.route is None:
        return None
    return {name.removesuffix("-be"): weight for name, weight in plan.route.weights}
