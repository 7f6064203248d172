"""Whether a route is in force: every Gateway that it names has taken it as it stands now.

A Gateway that was asked and has not answered counts as one that has not taken the route; what is said about Gateways
that the route no longer names does not count. Neither does a Gateway that the route names only because a model was
reached there before: it may be gone, and nothing must wait for that.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

Object = Mapping[str, Any]

_Parent = tuple[str, str, str | None, int | None]


def in_force(route: Object, *, former: Collection[tuple[str, str]] = ()) -> bool:
    """Whether every parent has accepted the route's present generation, whole.

    Args:
        route: The HTTPRoute.
        former: Namespace and name of Gateways that are not waited for.
    """
    meta, spec = route["metadata"], route["spec"]
    named = (_identity(ref, meta.get("namespace", "")) for ref in spec.get("parentRefs", ()))
    asked = {who for who in named if who[:2] not in former}
    said: dict[_Parent, list[Object]] = {}
    for parent in route.get("status", {}).get("parents", ()):
        who = _identity(parent.get("parentRef", {}), meta.get("namespace", ""))
        said.setdefault(who, []).append(parent)
    return bool(asked) and all(_taken(said.get(who, ()), meta.get("generation")) for who in asked)


def _identity(ref: Object, namespace: str) -> _Parent:
    return ref.get("namespace", namespace), ref.get("name", ""), ref.get("sectionName"), ref.get("port")


def _taken(answers: Iterable[Object], generation: object) -> bool:
    """Whether all controllers that answer for a parent accept the generation; without an answer, none does."""
    found = [
        _holds(answer, "Accepted", generation) and not _holds(answer, "PartiallyInvalid", generation)
        for answer in answers
    ]
    return bool(found) and all(found)


def _holds(parent: Object, kind: str, generation: object) -> bool:
    return any(
        condition["type"] == kind
        and condition["status"] == "True"
        and condition.get("observedGeneration") == generation
        for condition in parent.get("conditions", ())
    )
