"""`lineage`: which version of a model was derived from which, and from what."""

from typing import TYPE_CHECKING, Any

from ..kubeconfig import Target
from ..options import Context, Everywhere, Format, Kubeconfig, Namespace
from ..output import Output, clean, say, say_json
from .record_options import OPERATOR_NAMESPACE, LedgerUrl, Named, OperatorNamespace, Records

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ...history.descent import Node

_DEEPEST = 8
"""Generations that are indented."""


def lineage(
    name: Named,
    namespace: Namespace = None,
    everywhere: Everywhere = False,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    records: Records = None,
    ledger_url: LedgerUrl = None,
    operator_namespace: OperatorNamespace = OPERATOR_NAMESPACE,
    output: Format = Output.TABLE,
) -> None:
    """Show the versions of a model below the ones they were derived from, with data, code, parameters and digest."""
    from ...history.descent import tree
    from .finding import found
    from .sources import Where, reading

    target = Target(namespace=namespace, everywhere=everywhere, context=context, kubeconfig=kubeconfig)
    with reading(Where(target, records, ledger_url, operator_namespace)) as source:
        meant = found(source, name)
    nodes = tree(meant.account.versions)
    if output is Output.JSON:
        body = {"namespace": meant.model[0], "model": meant.model[1]}
        say_json("Lineage", {**body, "versions": _flat(nodes)})
        return
    say(clean(meant.model[1]))
    for line in _lines(nodes):
        say(line)


def _lines(nodes: "Sequence[Node]") -> "Iterator[str]":
    """A line for each version and for what is known of it, below the one it was derived from.

    Versions are derived from each other for years: deeper than a terminal is wide they stand one below the other.
    """
    open_ = [(0, "", node) for node in reversed(nodes)]
    while open_:
        depth, parent, node = open_.pop()
        open_ += [(depth + 1, node.version, child) for child in reversed(node.children)]
        indent = "   " * min(depth, _DEEPEST)
        beneath = f" from {parent}" if depth > _DEEPEST else ""
        yield f"{indent}└─ {clean(node.version)} ({clean(_state(node))}){clean(beneath)}"
        for name, value in _origin(node).items():
            yield f"{indent}     {clean(name)}: {clean(value)}"


def _state(node: "Node") -> str:
    if node.account is None:
        return "not in the record"
    return node.account.phase or "nothing happened yet"


def _origin(node: "Node") -> dict[str, str]:
    """Where a version came from, without what the tree says."""
    if node.account is None:
        return {}
    origin = node.account.origin
    said = dict(origin.fields) if origin is not None else {}
    said.pop("parent", None)
    if node.account.digest:
        said["digest"] = node.account.digest
    metrics = origin.metrics if origin is not None else {}
    return {**said, **({"metrics": ", ".join(f"{k} {v:g}" for k, v in metrics.items())} if metrics else {})}


def _flat(nodes: "tuple[Node, ...]") -> list[dict[str, Any]]:
    """Every version with its parent: a list, because lines of descent may be longer than programs nest."""
    found: list[dict[str, Any]] = []
    open_: list[tuple[Node, str | None]] = [(node, None) for node in nodes]
    while open_:
        node, parent = open_.pop(0)
        account = node.account
        found.append(
            {
                "version": node.version,
                "parent": parent,
                "recorded": account is not None,
                "phase": account.phase or None if account is not None else None,
                "digest": account.digest or None if account is not None else None,
                "lineage": {**account.origin.fields, "metrics": account.origin.metrics}
                if account is not None and account.origin is not None
                else {},
            }
        )
        open_ += [(child, node.version) for child in node.children]
    return found
