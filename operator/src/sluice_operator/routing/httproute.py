"""The one HTTPRoute of a model: who gets which share, who was taken back, and who may look at what early.

A router is given the complete table and reads back what is in force. The table lives in the spec, the marks of
versions that were taken back in an annotation of the same object, so that one write sets both. What the API server
would default is written out, so that a route that stands as it should is equal to the one that is rendered.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from pydantic import AwareDatetime, TypeAdapter, ValidationError

from ..api.labels import MANAGED_BY, MODEL_LABEL
from ..rollout.address import Address
from ..rollout.plan import Preview, RouteTable
from ..rollout.snapshot import Mark, Route
from .parents import in_force, refusal

API_VERSION = "gateway.networking.k8s.io/v1"
MARKS_ANNOTATION = "sluice.dev/taken-back"
ADDRESSES_ANNOTATION = "sluice.dev/reached-at"
DRAINING_ANNOTATION = "sluice.dev/draining"
TRAFFIC_HEADER = "x-sluice-traffic"
VERSION_HEADER = "x-model-version"
_SUFFIX = "-predictor"
_PORT = 80
_EVERYTHING = {"path": {"type": "PathPrefix", "value": "/"}}
_MARKS = TypeAdapter(tuple[Mark, ...])
_ADDRESSES = TypeAdapter(tuple[Address, ...])
_DRAINING = TypeAdapter(dict[str, AwareDatetime])
_LONGEST = {"reason": 400, "gate": 40, "by": 253, "act": 64}
"""Characters of a mark's texts; we write none that is longer."""

Object = Mapping[str, Any]


def render_route(*, model: str, namespace: str, table: RouteTable, versions: Mapping[str, str]) -> dict[str, Any]:
    """The HTTPRoute that puts a table in force.

    Args:
        model: Name of the model, and of the route.
        namespace: Namespace of the model.
        table: Who gets what, and where it arrives.
        versions: The version that each answer is to name, by the name of the backend that gave it.
    """
    draining = {DRAINING_ANNOTATION: _DRAINING.dump_json(dict(table.draining)).decode()} if table.draining else {}
    return {
        "apiVersion": API_VERSION,
        "kind": "HTTPRoute",
        "metadata": {
            "name": model,
            "namespace": namespace,
            "labels": {**MANAGED_BY, MODEL_LABEL: model},
            "annotations": {
                MARKS_ANNOTATION: _MARKS.dump_json(table.marks).decode(),
                ADDRESSES_ANNOTATION: _ADDRESSES.dump_json(table.addresses, exclude_none=True).decode(),
                **draining,
            },
        },
        "spec": {
            "parentRefs": _parents(table.addresses),
            "hostnames": list(dict.fromkeys(at.hostname for at in table.addresses)),
            "rules": [*(_preview(preview, versions) for preview in table.previews), _shares(table, versions)],
        },
    }


def _parents(addresses: Sequence[Address]) -> list[dict[str, Any]]:
    """Each Gateway once, in the order of the addresses."""
    gateways = dict.fromkeys((at.gateway_namespace, at.gateway) for at in addresses)
    kind = {"group": "gateway.networking.k8s.io", "kind": "Gateway"}
    return [{**kind, "name": name, "namespace": namespace} for namespace, name in gateways]


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
    if not _is_ours(route["metadata"]):
        return Route(exists=True, foreign=True)
    addresses = _addresses(route)
    gateways = [(at.gateway_namespace, at.gateway) for at in addresses]
    former = set(gateways) - set(gateways[:1])
    return Route(
        exists=True,
        in_force=in_force(route, former=former),
        refused=refusal(route, former=former),
        weights=_weights(route),
        marks=_marks(route),
        draining=_draining(route),
        addresses=addresses,
        created_at=_created_at(route),
    )


def _created_at(route: Object) -> datetime | None:
    told = route["metadata"].get("creationTimestamp")
    return None if told is None else datetime.fromisoformat(told)


def _is_ours(meta: Object) -> bool:
    """Whether we made a route: by our label, or, where somebody has changed that, by what only we write into one."""
    labelled = MANAGED_BY.items() <= meta.get("labels", {}).items()
    return labelled or {MARKS_ANNOTATION, ADDRESSES_ANNOTATION}.issubset(meta.get("annotations", {}))


def _weights(route: Object) -> dict[str, int]:
    """The share of each backend, by the rule for all requests; one that is only previewed has none, but is listed."""
    weights: dict[str, int] = {}
    for rule in route["spec"].get("rules", ()):
        previews = any("headers" in match for match in rule.get("matches", ()))
        given = {ref["name"].removesuffix(_SUFFIX): ref.get("weight", 1) for ref in rule.get("backendRefs", ())}
        for name, share in _percent(dict.fromkeys(given, 0) if previews else given).items():
            weights[name] = max(weights.get(name, 0), share)
    return weights


def _percent(weights: Mapping[str, int]) -> dict[str, int]:
    """Weights as whole percent of their sum, whatever somebody else wrote; who gets requests has at least 1."""
    total = sum(weights.values())
    if total == 0:
        return dict(weights)
    shares = {name: max(1, 100 * weight // total) if weight else 0 for name, weight in weights.items()}
    largest = max(weights, key=weights.__getitem__)
    return shares | {largest: shares[largest] + 100 - sum(shares.values())}


def _marks(route: Object) -> tuple[Mark, ...]:
    text = route["metadata"].get("annotations", {}).get(MARKS_ANNOTATION, "[]")
    try:
        return tuple(_bounded(mark) for mark in _MARKS.validate_json(text))
    except (ValidationError, json.JSONDecodeError):
        return ()


def _draining(route: Object) -> dict[str, datetime]:
    text = route["metadata"].get("annotations", {}).get(DRAINING_ANNOTATION, "{}")
    try:
        return _DRAINING.validate_json(text)
    except ValidationError:
        return {}


def _bounded(mark: Mark) -> Mark:
    """A mark whose texts fit into a status: one that somebody made longer takes its version back all the same."""
    cut = {name: text[:longest] for name, longest in _LONGEST.items() if (text := getattr(mark, name)) is not None}
    return replace(mark, **cut)


def _addresses(route: Object) -> tuple[Address, ...]:
    """Where the model is reached as we wrote it, whatever became of the host names since.

    A route without our word, from before there was any or after somebody spoiled it, is taken as it stands.
    """
    text = route["metadata"].get("annotations", {}).get(ADDRESSES_ANNOTATION, "[]")
    try:
        return _ADDRESSES.validate_json(text) or _as_it_stands(route)
    except ValidationError:
        return _as_it_stands(route)


def _as_it_stands(route: Object) -> tuple[Address, ...]:
    meta, spec = route["metadata"], route["spec"]
    hostname = next(iter(spec.get("hostnames", ())), None)
    parent = next(iter(spec.get("parentRefs", ())), None)
    if hostname is None or parent is None:
        return ()
    return (Address(hostname, parent["name"], parent.get("namespace", meta.get("namespace", ""))),)
