"""Which version was derived from which, as their authors say: `lineage.parent`."""

from collections.abc import Mapping
from dataclasses import dataclass

from .account import Account


@dataclass(frozen=True, slots=True)
class Node:
    """A version and those derived from it."""

    version: str
    account: Account | None
    """None where the record does not have it: somebody's parent from elsewhere."""
    children: tuple["Node", ...]


def tree(versions: Mapping[str, Account]) -> tuple[Node, ...]:
    """The versions of a model, each below its parent, in the order of the record.

    A parent is named by its version or by its object. Versions that name each other in a circle stand as if the first
    of them had named none.
    """
    parents = {version: _parent(account, versions) for version, account in versions.items()}
    for version in parents:
        if _circular(version, parents):
            parents[version] = None
    elsewhere = dict.fromkeys(one for one in parents.values() if one is not None and one not in versions)
    roots = [*elsewhere, *(version for version, parent in parents.items() if parent is None)]
    children: dict[str, list[str]] = {}
    for version, parent in parents.items():
        if parent is not None:
            children.setdefault(parent, []).append(version)
    built: dict[str, Node] = {}
    for version in _leaves_first(roots, children):
        below = tuple(built[child] for child in children.get(version, ()))
        built[version] = Node(version=version, account=versions.get(version), children=below)
    return tuple(built[root] for root in roots)


def _parent(account: Account, versions: Mapping[str, Account]) -> str | None:
    named = account.origin.fields.get("parent", "") if account.origin is not None else ""
    if not named or named in versions:
        return named or None
    return next((one.version for one in versions.values() if one.name == named), named)


def _circular(version: str, parents: Mapping[str, str | None]) -> bool:
    seen, at = {version}, parents[version]
    while at is not None and at not in seen:
        seen.add(at)
        at = parents.get(at)
    return at == version


def _leaves_first(roots: list[str], children: Mapping[str, list[str]]) -> list[str]:
    """Every version after all that were derived from it. Lines of descent may be longer than a stack is deep."""
    order, open_ = [], list(roots)
    while open_:
        version = open_.pop()
        order.append(version)
        open_.extend(children.get(version, ()))
    return order[::-1]
