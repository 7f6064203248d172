"""`compare`: two versions side by side, and which of them the evidence speaks for."""

from typing import TYPE_CHECKING, Annotated

import typer

from ..kubeconfig import Target
from ..options import Context, Everywhere, Format, Kubeconfig, Namespace
from ..output import Output, clean, say, say_json
from ..tables import show
from .record_options import OPERATOR_NAMESPACE, LedgerUrl, OperatorNamespace, Records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...history.comparison import Comparison, GateRow, Share


def compare(
    first: Annotated[
        str, typer.Argument(metavar="A", help="A version that serves, or could: by its name or MODEL/VERSION.")
    ],
    second: Annotated[str, typer.Argument(metavar="B", help="The version that would take its place.")],
    namespace: Namespace = None,
    everywhere: Everywhere = False,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    records: Records = None,
    ledger_url: LedgerUrl = None,
    operator_namespace: OperatorNamespace = OPERATOR_NAMESPACE,
    output: Format = Output.TABLE,
) -> None:
    """Put two versions of a model side by side, and say whether B should take A's place.

    The answer is upgrade, consider, stay or equivalent; docs/report.md has the rule. Intervals are 95 %, for one look.
    """
    from ...history import comparison
    from .documents import document
    from .finding import both
    from .sources import Where, reading

    target = Target(namespace=namespace, everywhere=everywhere, context=context, kubeconfig=kubeconfig)
    with reading(Where(target, records, ledger_url, operator_namespace)) as source:
        one, other = both(source, first, second)
    found = comparison.compare(one.account, one.version, other.version)
    if output is Output.JSON:
        say_json("Comparison", {"namespace": one.model[0], "model": one.model[1], **document(found)})
    else:
        _show(found)


def _show(found: "Comparison") -> None:
    say(f"{found.recommendation}: {clean(found.evidence)}\n")
    show(("", found.first, found.second, "DIFFERENCE"), _rows(found))


def _rows(found: "Comparison") -> "Iterator[tuple[str, str, str, str]]":
    for gate in found.gates:
        when = "" if gate.together else " (at different times)"
        yield f"{gate.gate}{when}", _share(gate.first), _share(gate.second), _difference(gate)
    for metric in found.metrics:
        first, second = ("" if value is None else f"{value:g}" for value in (metric.first, metric.second))
        apart = metric.second - metric.first if metric.first is not None and metric.second is not None else None
        yield metric.name, first, second, "" if apart is None else f"{apart:+g}"
    for row in found.fields:
        yield row.name, row.first, row.second, "differs" if row.differs else ""


def _share(share: "Share | None") -> str:
    if share is None:
        return ""
    return f"{share.share:.2%} of {share.total:,} bad ({share.low:.2%} to {share.high:.2%})"


def _difference(gate: "GateRow") -> str:
    if gate.difference is None or gate.low is None or gate.high is None:
        return ""
    said = f"{100 * gate.difference:+.2f} points ({100 * gate.low:+.2f} to {100 * gate.high:+.2f})"
    odds = gate.odds
    if odds is None or odds.ratio is None:
        return said
    high = f"{odds.high:.3g}" if odds.high is not None else "any"
    return f"{said}; {odds.ratio:.3g} times the odds ({odds.low:.3g} to {high})"
