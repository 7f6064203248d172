"""The one HTTPRoute of a model: who gets which share, who was taken back, and who may look at what early.

A router is given the complete table and reads back what is in force. The table lives in the spec, the marks of
versions that were taken back in an annotation of the same object, so that one write sets both. What the API server
would default is written out, so that a route that stands as it should is equal to the one that is rendered.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from ..api.labels import MANAGED_BY, MODEL_LABEL
from ..rollout.plan import Preview, RouteTable
from ..rollout.snapshot import Mark, Route
from .parents import in_force

API_VERSION = "gateway.networking.k8s.io/v1"
MARKS_ANNOTATION = "sluice.dev/taken-back"
TRAFFIC_HEADER = "x-sluice-traffic"
VERSION_HEADER = "x-model-version"
_SUFFIX = "-predictor"
_PORT = 80
_EVERYTHING = {"path": {"type": "PathPrefix", "value": "/"}}
_MARKS = TypeAdapter(tuple[Mark, ...])

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RouteSettings:
    """Where one model is reached."""

    hostname: str
    gateway_name: str
    gateway_namespace: str
    names_versions: bool = True
    """Whether each answer names the version that gave it, by a filter on each backend. Gateways need not know it."""


@dataclass(frozen=True, slots=True)
class Gateway:
    """Where the routes of this installation are attached."""

    name: str
    namespace: str
    domain: str
    """Models are reached at {model}.{namespace}.{domain}."""
    names_versions: bool = True
    """See RouteSettings."""

    def hostname(self, *, model: str, namespace: str) -> str:
        """The host name that clients of a model use."""
        return f"{model}.{namespace}.{self.domain}"

    def settings(self, *, model: str, namespace: str) -> RouteSettings:
        """Where a model is reached that nobody gave another place."""
        return RouteSettings(
            hostname=self.hostname(model=model, namespace=namespace),
            gateway_name=self.name,
            gateway_namespace=self.namespace,
            names_versions=self.names_versions,
        )


def render_route(
    *, model: str, namespace: str, table: RouteTable, settings: RouteSettings, versions: Mapping[str, str]
) -> dict[str, Any]:
    """The HTTPRoute that puts a table in force.

    Args:
        model: Name of the model, and of the route.
        namespace: Namespace of the model.
        table: Who gets what.
        settings: Where the model is reached.
        versions: The version that each backend serves, by the name of the backend.
    """
    named = versions if settings.names_versions else {}
    parent = {
        "group": "gateway.networking.k8s.io",
        "kind": "Gateway",
        "name": settings.gateway_name,
        "namespace": settings.gateway_namespace,
    }
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
            "parentRefs": [parent],
            "hostnames": [settings.hostname],
            "rules": [*(_preview(preview, named) for preview in table.previews), _shares(table, named)],
        },
    }


def _shares(table: RouteTable, named: Mapping[str, str]) -> dict[str, Any]:
    """The rule for what no preview took. Clients cannot pass their requests for other traffic than live."""
    return {
        "matches": [_EVERYTHING],
        "filters": [_request_headers({"remove": [TRAFFIC_HEADER]})],
        "backendRefs": [_backend(name, weight, named) for name, weight in table.weights],
    }


def _preview(preview: Preview, named: Mapping[str, str]) -> dict[str, Any]:
    """Requests that ask for a backend by a header; they are no evidence about live traffic."""
    header = {"type": "Exact", "name": preview.header, "value": preview.value}
    return {
        "matches": [{**_EVERYTHING, "headers": [header]}],
        "filters": [_request_headers({"set": [{"name": TRAFFIC_HEADER, "value": "synthetic"}]})],
        "backendRefs": [_backend(preview.backend, 1, named)],
    }


def _request_headers(change: Object) -> dict[str, Any]:
    return {"type": "RequestHeaderModifier", "requestHeaderModifier": change}


def _backend(name: str, weight: int, named: Mapping[str, str]) -> dict[str, Any]:
    ref: dict[str, Any] = {"group": "", "kind": "Service", "name": f"{name}{_SUFFIX}", "port": _PORT, "weight": weight}
    if name in named:
        change = {"set": [{"name": VERSION_HEADER, "value": named[name]}]}
        ref["filters"] = [{"type": "ResponseHeaderModifier", "responseHeaderModifier": change}]
    return ref


def read_route(route: Object | None) -> Route:
    """What a route says, and whether the Gateways have taken it."""
    if route is None:
        return Route()
    if not MANAGED_BY.items() <= route["metadata"].get("labels", {}).items():
        return Route(exists=True, foreign=True)
    return Route(exists=True, in_force=in_force(route), weights=_weights(route), marks=_marks(route))


def _weights(route: Object) -> dict[str, int]:
    """The share of each backend, by the rule for all requests; one that is only previewed has none, but is listed."""
    weights: dict[str, int] = {}
    for rule in route["spec"].get("rules", ()):
        previews = any("headers" in match for match in rule.get("matches", ()))
        for ref in rule.get("backendRefs", ()):
            name = ref["name"].removesuffix(_SUFFIX)
            weights[name] = max(weights.get(name, 0), 0 if previews else ref.get("weight", 1))
    return weights


def _marks(route: Object) -> tuple[Mark, ...]:
    text = route["metadata"].get("annotations", {}).get(MARKS_ANNOTATION, "[]")
    try:
        return _MARKS.validate_json(text)
    except (ValidationError, json.JSONDecodeError):
        return ()
