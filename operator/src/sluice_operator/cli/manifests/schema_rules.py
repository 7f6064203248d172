"""What the API server's schema demands of an object, for those who have no API server: types, names of fields, rules.

The rules of our kinds are written in CEL, which Python cannot run; each has its counterpart here, found by the message
that people get. A test holds that none is missing. Rules about a change (oldSelf) need the object before it, and are
the API server's alone.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from itertools import pairwise
from typing import Any

from ...api.base import parse_duration
from .manifest import Path

_BOUND = re.compile(r"duration\(self\) (>=|<=) duration\('(\w+)'\)")
_NAME_LENGTH = re.compile(r"^self\.all\(name, name\.size\(\) <= (\d+)\)$")


def broken(schema: Mapping[str, Any], value: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Where a value breaks a rule of its schema, and why."""
    mistyped = _mistyped(schema, value)
    if mistyped:
        yield path, mistyped
        return
    for rule in schema.get("x-kubernetes-validations", ()):
        if "oldSelf" not in rule["rule"] and not holds(rule, value):
            yield path, rule["message"]
    if isinstance(value, Mapping):
        yield from _fields(schema, value, path)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        yield from _twice(schema, value, path)
        for number, item in enumerate(value):
            yield from broken(schema.get("items", {}), item, (*path, number))


def holds(rule: Mapping[str, str], value: Any) -> bool:
    """Whether a value keeps a rule, as far as can be told without the API server."""
    known = counterpart(rule)
    try:
        return known is None or known(value)
    except (TypeError, ValueError, AttributeError, KeyError):
        return True  # what is not of the rule's type is told elsewhere


def counterpart(rule: Mapping[str, str]) -> Callable[[Any], bool] | None:
    """What asks the same as a rule; None where nobody has written that."""
    bounds, longest = _BOUND.findall(rule["rule"]), _NAME_LENGTH.match(rule["rule"])
    if bounds:
        return lambda given: all(_within(given, sign, bound) for sign, bound in bounds)
    if longest:
        return lambda names: all(len(name) <= int(longest[1]) for name in names)
    return _RULES.get(rule["message"])


def _within(given: str, sign: str, bound: str) -> bool:
    length, end = parse_duration(given), parse_duration(bound)
    return length >= end if sign == ">=" else length <= end


_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (Mapping,),
    "array": (list,),
}


def _mistyped(schema: Mapping[str, Any], value: Any) -> str:
    """What is wrong with the type of a value; empty where it is right."""
    wanted = schema.get("type")
    if wanted is None or schema.get("x-kubernetes-int-or-string") or (value is None and "default" in schema):
        return ""
    given = isinstance(value, _TYPES[wanted]) and (wanted == "boolean" or not isinstance(value, bool))
    if given or (wanted == "integer" and isinstance(value, float) and value.is_integer()):
        return ""
    quotes = ": write it in quotes" if wanted == "string" and not isinstance(value, Mapping | list | None) else ""
    return f"expected {'an' if wanted[0] in 'aio' else 'a'} {wanted}{quotes}"


def _fields(schema: Mapping[str, Any], value: Mapping[str, Any], path: Path) -> Iterator[tuple[Path, str]]:
    known, others = schema.get("properties", {}), schema.get("additionalProperties")
    for name, child in value.items():
        if name in known:
            yield from broken(known[name], child, (*path, name))
        elif isinstance(others, Mapping):
            yield from broken(others, child, (*path, name))
        elif known and not schema.get("x-kubernetes-preserve-unknown-fields"):
            near = get_close_matches(str(name), sorted(known), n=1)
            yield (*path, str(name)), f"there is no such field{f': did you mean {near[0]}?' if near else ''}"


def _twice(schema: Mapping[str, Any], value: Sequence[Any], path: Path) -> Iterator[tuple[Path, str]]:
    """Elements of what is a set, or keyed by a field, that are there twice."""
    keys = schema.get("x-kubernetes-list-map-keys", ())
    if schema.get("x-kubernetes-list-type") not in ("set", "map"):
        return
    seen = []
    for number, item in enumerate(value):
        told = [item.get(key) for key in keys] if keys and isinstance(item, Mapping) else item
        if told in seen:
            yield (*path, number), f"{told[0] if keys and isinstance(told, list) else told} is there twice"
        seen.append(told)


def _one_limit(limit: Mapping[str, Any]) -> bool:
    return sum(name in limit for name in ("above", "atLeast", "below", "atMost")) == 1


def _share(gate: Mapping[str, Any]) -> bool:
    limit, query = gate.get("limit"), gate.get("query") or {}
    names = ("above", "atLeast", "below", "atMost")
    exempt = "value" in query or gate.get("metric") == "prediction-drift"
    return limit is None or exempt or all(0 <= limit[name] < 1 for name in names if name in limit)


def _drift(gate: Mapping[str, Any]) -> bool:
    limit = gate.get("limit", {})
    plain = "compare" not in gate and not limit.keys() - {"above", "action"}
    return gate.get("metric") != "prediction-drift" or (plain and limit.get("above", 0) > 0)


def _weights(steps: Sequence[Mapping[str, Any]]) -> bool:
    weights = [step["weight"] for step in steps]
    return all(before < after for before, after in pairwise(weights))


def _required_gates(policy: Mapping[str, Any]) -> bool:
    required = (policy.get("require") or {}).get("gates")
    gates = ((policy.get("defaults") or {}).get("analysis") or {}).get("gates")
    return required is None or gates is None or set(required) <= {gate["name"] for gate in gates}


def _hostname(policy: Mapping[str, Any]) -> bool:
    hostname = (policy.get("route") or {}).get("hostname")
    models = policy["models"]
    return hostname is None or "{model}" in hostname or (len(models) == 1 and not models[0].endswith("*"))


def _counted(query: Mapping[str, Any]) -> bool:
    return ("bad" in query) == ("total" in query) and ("bad" in query) != ("value" in query)


_RULES: dict[str, Callable[[Any], bool]] = {
    "minReplicas must not exceed maxReplicas": lambda s: s.get("minReplicas", 1) <= s.get("maxReplicas", 3),
    "exactly one of above, atLeast, below and atMost must be given": _one_limit,
    "at most one of checks and for may be given": lambda s: "checks" not in s or "for" not in s,
    "tolerance must be less than worseBy": lambda s: "tolerance" not in s or s["tolerance"] < s.get("worseBy", 2.0),
    "either bad and total, or value must be given": _counted,
    "exactly one of metric and query must be given": lambda s: ("metric" in s) != ("query" in s),
    "slowerThan belongs to metric latency, and must be given there": lambda s: (
        (s.get("metric") == "latency") == ("slowerThan" in s)
    ),
    "limit or compare must be given": lambda s: "limit" in s or "compare" in s,
    "window and minRequests count requests: the limit of a value has neither": lambda s: (
        "value" not in s.get("query", {}) or not {"window", "minRequests"} & s.get("limit", {}).keys()
    ),
    "a value cannot be compared: give bad and total": lambda s: "compare" not in s or "value" not in s.get("query", {}),
    "the limit of a share of requests must be at least 0 and less than 1": _share,
    "prediction-drift takes limit.above, greater than 0, limit.action, and nothing else": _drift,
    "weights must grow from step to step": _weights,
    "steps belong to strategy Canary": lambda s: s.get("strategy", "Canary") == "Canary" or "steps" not in s,
    "hostname or gateway must be given": lambda s: "hostname" in s or "gateway" in s,
    "each gate of require.gates must be one of defaults.analysis.gates": _required_gates,
    "route.hostname needs {model} unless models is the name of one model": _hostname,
    "attempt must be given: the one that status.attempt of the version shows": lambda s: (
        s["action"] not in ("Approve", "Promote", "Advance", "Retry") or "attempt" in s
    ),
    "policyHash must be given: the one that status.effectiveRolloutHash of the version shows": lambda s: (
        s["action"] not in ("Approve", "Promote", "Advance") or "policyHash" in s
    ),
}
