"""What the operator asked of the API server and when, from the API server's own audit log."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

WRITES = frozenset({"create", "update", "patch", "delete"})
LEASES = "leases"
ROUTES = "httproutes"
_SUFFIX = "-predictor"


@dataclass(frozen=True, slots=True)
class Call:
    """One answered request.

    Attributes:
        at: When it was answered, in Unix seconds.
        verb: As RBAC knows it.
        group: Of the API.
        resource: With its subresource, as RBAC writes it.
        name: Of the object; empty for a collection.
        weights: What a write to a route gives to each InferenceService.
    """

    at: float
    verb: str
    group: str
    resource: str
    name: str
    weights: dict[str, int]


def calls(log: Path, *, since: float = 0.0) -> Iterator[Call]:
    """The operator's calls that were answered after a moment, in Unix seconds."""
    with log.open() as lines:
        for line in lines:
            event = json.loads(line)
            at = datetime.fromisoformat(event["stageTimestamp"]).timestamp()
            # A watch is told of when it begins and when it ends: the beginning is the call.
            if at < since or (event["verb"] == "watch" and event["stage"] != "ResponseStarted"):
                continue
            what = event.get("objectRef", {})
            resource = "/".join(filter(None, (what.get("resource", ""), what.get("subresource", ""))))
            yield Call(
                at=at,
                verb=event["verb"],
                group=what.get("apiGroup", ""),
                resource=resource,
                name=what.get("name", ""),
                weights=_weights(event.get("requestObject", {})) if what.get("resource") == ROUTES else {},
            )


def _weights(route: dict[str, Any]) -> dict[str, int]:
    rules = route.get("spec", {}).get("rules", [])
    return {ref["name"].removesuffix(_SUFFIX): ref["weight"] for rule in rules for ref in rule.get("backendRefs", [])}


def writes(found: Iterable[Call]) -> list[Call]:
    """Those that change something; a lease does not count, which is renewed whatever happens."""
    return [call for call in found if call.verb in WRITES and call.resource != LEASES]


def restless(found: Iterable[Call]) -> list[Call]:
    """Those that an operator with nothing to do would not make: all but watches and its lease."""
    return [call for call in found if call.verb != "watch" and call.resource != LEASES]


def zero_at(found: Iterable[Call], *, model: str, service: str, after: float) -> float | None:
    """When a model's route was first written so that an InferenceService gets nothing, after a moment."""
    times = [
        call.at
        for call in found
        if call.resource == ROUTES and call.name == model and call.at >= after and call.weights.get(service) == 0
    ]
    return min(times, default=None)
