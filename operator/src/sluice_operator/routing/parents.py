"""Whether a route is in force: every Gateway that it names has taken it as it stands now.

A Gateway that was asked and has not answered counts as one that has not taken the route; what is said about Gateways
that the route no longer names does not count. Neither does a Gateway that the route names only because a model was
reached there before: it may be gone, and nothing must wait for that.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

Object = Mapping[str, Any]

_Parent = tuple[str, str, str | None, int | None]

_REFUSALS = frozenset({("Accepted", "False"), ("PartiallyInvalid", "True")})
_LONGEST = 512


def in_force(route: Object, *, former: Collection[tuple[str, str]] = ()) -> bool:
    """Whether every parent has accepted the route's present generation, whole.

    Args:
        route: The HTTPRoute.
        former: Namespace and name of Gateways that are not waited for.
    """
    answers = _answers(route, former)
    generation = route["metadata"].get("generation")
    return bool(answers) and all(_taken(said, generation) for said in answers.values())


def refusal(route: Object, *, former: Collection[tuple[str, str]] = ()) -> str | None:
    """Why a parent does not take the route's present generation, or not all of it; None where none says so.

    One reason is that another HTTPRoute has the same host name and path: the Gateway API gives them to the older one,
    and Contour tells the other (RuleMatchConflict).

    Args:
        route: The HTTPRoute.
        former: Namespace and name of Gateways that do not count.
    """
    generation = route["metadata"].get("generation")
    for (namespace, name, *_), said in _answers(route, former).items():
        for condition in (condition for answer in said for condition in answer.get("conditions", ())):
            refuses = (condition["type"], condition["status"]) in _REFUSALS
            if refuses and condition.get("observedGeneration") == generation:
                words = f"{condition.get('reason', '')}: {condition.get('message', '')}"[:_LONGEST]
                return f"Gateway {name} of namespace {namespace} does not take the route: {words}"
    return None


def _answers(route: Object, former: Collection[tuple[str, str]]) -> dict[_Parent, list[Object]]:
    """What is said about each parent that the route names, in its order; nothing about one that has not answered."""
    namespace = route["metadata"].get("namespace", "")
    named = (_identity(ref, namespace) for ref in route["spec"].get("parentRefs", ()))
    found: dict[_Parent, list[Object]] = {who: [] for who in named if who[:2] not in former}
    for parent in route.get("status", {}).get("parents", ()):
        who = _identity(parent.get("parentRef", {}), namespace)
        if who in found:
            found[who].append(parent)
    return found


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
