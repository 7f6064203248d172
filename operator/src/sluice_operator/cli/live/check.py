"""`check`: whether the cluster has what Sluice needs, and what the user may do there."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from ..kubeconfig import Target
from ..options import Context, Format, Kubeconfig, Namespace
from ..output import Output, clean, console, say_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .checks import Answer

_MARKS = {True: ("✔", "green"), False: ("✖", "red"), None: ("-", "yellow")}


def check(
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    output: Format = Output.TABLE,
) -> None:
    """Say whether the cluster has what Sluice needs, and what you may do in a namespace.

    Exit status 0: nothing is missing. 1: something is, and what to do stands beside it. A dash is what you may not see
    or do, which may be as it should be.
    """
    from ..cluster import connect
    from .checks import checks, rights

    cluster = connect(Target(namespace=namespace, context=context, kubeconfig=kubeconfig))
    found = list(checks(cluster))
    allowed = list(rights(cluster)) if found[0].good else []
    if output is Output.JSON:
        body = {"namespace": cluster.namespace, "checks": _plain(found), "rights": _plain(allowed)}
        say_json("Check", body)
    else:
        _show("The cluster", found)
        if allowed:
            _show(f"You, in namespace {clean(cluster.namespace)}", allowed)
    raise typer.Exit(1 if any(answer.good is False for answer in (*found, *allowed)) else 0)


def _plain(answers: "Sequence[Answer]") -> list[dict[str, object]]:
    return [asdict(answer) for answer in answers]


def _show(title: str, answers: "Sequence[Answer]") -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    for answer in answers:
        mark, style = _MARKS[answer.good]
        said = clean(answer.said) + (f"\n→ {clean(answer.to_do)}" if answer.to_do else "")
        table.add_row(Text(mark, style=style), clean(answer.about), Text(said, overflow="fold"))
    screen = console()
    screen.print(title, style="bold")
    screen.print(table)
