"""The one HTTPRoute of a model: who gets which share, and who was taken back.

A router is given the complete table and reads back what is in force. The table lives in the spec, the marks of
versions that were taken back in an annotation of the same object, so that one write sets both.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from ..api.labels import MANAGED_BY, MODEL_LABEL
from ..rollout.plan import RouteTable
from ..rollout.snapshot import Mark, Route

API_VERSION = "gateway.networking.k8s.io/v1"
MARKS_ANNOTATION = "sluice.dev/taken-back"
TRAFFIC_HEADER = "x-sluice-traffic"
_SUFFIX = "-predictor"
_PORT = 80
_MARKS = TypeAdapter(tuple[Mark, ...])

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Gateway:
    """Where the routes of this installation are attached."""

    name: str
    namespace: str
    domain: str
    """Models are reached at {model}.{namespace}.{domain}."""

    def hostname(self, *, model: str, namespace: str) -> str:
        """The host name that clients of a model use."""
        return f"{model}.{namespace}.{self.domain}"


def render_route(*, model: str, namespace: str, table: RouteTable, gateway: Gateway) -> dict[str, Any]:
    """The HTTPRoute that puts a table in force."""
    backends = [{"name": f"{name}{_SUFFIX}", "port": _PORT, "weight": weight} for name, weight in table.weights]
    return {
        "apiVersion": API_VERSION,
        "kind": "HTTPRoute",
        "metadata": {
            "name": model,
            "namespace": namespace,
            "labels": {**MANAGED_BY, MODEL_LABEL: model},
            "annotations": {MARKS_ANNOTATION: _MARKS.dump_json(table.marks).decode()},
        },
        "spec": {
            "parentRefs": [{"name": gateway.name, "namespace": gateway.namespace}],
            "hostnames": [gateway.hostname(model=model, namespace=namespace)],
            "rules": [
                {
                    "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
                    "filters": [
                        {"type": "RequestHeaderModifier", "requestHeaderModifier": {"remove": [TRAFFIC_HEADER]}}
                    ],
                    "backendRefs": backends,
                }
            ],
        },
    }


def read_route(route: Object | None) -> Route:
    """What a route says, and whether the Gateway has taken it."""
    if route is None:
        return Route()
    if not MANAGED_BY.items() <= route["metadata"].get("labels", {}).items():
        return Route(exists=True, foreign=True)
    return Route(exists=True, in_force=_in_force(route), weights=_weights(route), marks=_marks(route))


def _weights(route: Object) -> dict[str, int]:
    refs = [ref for rule in route["spec"].get("rules", ()) for ref in rule.get("backendRefs", ())]
    return {ref["name"].removesuffix(_SUFFIX): ref.get("weight", 1) for ref in refs}


def _marks(route: Object) -> tuple[Mark, ...]:
    text = route["metadata"].get("annotations", {}).get(MARKS_ANNOTATION, "[]")
    try:
        return _MARKS.validate_json(text)
    except (ValidationError, json.JSONDecodeError):
        return ()


def _in_force(route: Object) -> bool:
    """Whether every parent has accepted the route's present generation."""
    generation = route["metadata"].get("generation")
    parents = route.get("status", {}).get("parents", ())
    return bool(parents) and all(_accepted(parent, generation) for parent in parents)


def _accepted(parent: Object, generation: object) -> bool:
    return any(
        condition["type"] == "Accepted"
        and condition["status"] == "True"
        and condition.get("observedGeneration") == generation
        for condition in parent.get("conditions", ())
    )
