"""`history`: what happened to a model or a version, who served how long, and what can be returned to."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from ..kubeconfig import Target
from ..options import Context, Everywhere, Format, Kubeconfig, Namespace
from ..output import MOMENT, Output, clean, length, say, say_json
from ..tables import show
from .record_options import OPERATOR_NAMESPACE, LedgerUrl, Named, OperatorNamespace, Records

if TYPE_CHECKING:
    from ...history.events import Event
    from ...history.ranking import Target as ReturnTarget
    from ...history.shares import Usage
    from .finding import Found


def history(
    name: Named,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="Show the last so many events.")] = 50,
    namespace: Namespace = None,
    everywhere: Everywhere = False,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    records: Records = None,
    ledger_url: LedgerUrl = None,
    operator_namespace: OperatorNamespace = OPERATOR_NAMESPACE,
    output: Format = Output.TABLE,
) -> None:
    """Show what the record has of a model or a version: what happened and why, and who decided.

    Of a model also how much of its requests each version had, and which versions can be returned to, the best first.
    """
    from ...history.events import events
    from ...history.ranking import ranked
    from ...history.shares import usage
    from .documents import document
    from .finding import found
    from .sources import Where, reading

    target = Target(namespace=namespace, everywhere=everywhere, context=context, kubeconfig=kubeconfig)
    with reading(Where(target, records, ledger_url, operator_namespace)) as source:
        meant = found(source, name)
    now = datetime.now(UTC)
    model = meant.account
    chosen = [one for one in model.versions.values() if not meant.version or one.version == meant.version]
    told = events(chosen)
    used = usage(model.spans, since=model.spans[0].start, until=now) if model.spans else ()
    targets = ranked(model, now=now)
    if output is Output.JSON:
        body = {"namespace": meant.model[0], "model": meant.model[1], "version": meant.version or None}
        body["events"] = document(told[-limit:])
        if not meant.version:
            body |= {"usage": document(used), "targets": document(targets)}
        say_json("History", body)
        return
    _show(meant, told, limit=limit)
    if not meant.version:
        _show_usage(used)
        _show_targets(targets)


def _show(meant: "Found", told: Sequence["Event"], *, limit: int) -> None:
    if len(told) > limit:
        say(f"the last {limit} of {len(told)} events; --limit shows more")
    of_model = () if meant.version else ("VERSION",)
    rows = []
    for event in told[-limit:]:
        version = () if meant.version else (event.version,)
        rows.append((f"{event.at:{MOMENT}}", *version, event.what, event.why, event.by, str(event.seq)))
    titles = ("TIME (UTC)", *of_model, "WHAT", "WHY", "BY", "RECORD")
    show(titles, rows, whole=("TIME (UTC)", "VERSION"), right=("RECORD",))


def _show_usage(used: Sequence["Usage"]) -> None:
    if not used:
        return
    rows = [
        (one.version, f"{one.share:.2%}", length(one.seconds), f"{one.first:{MOMENT}}", f"{one.last:{MOMENT}}")
        for one in used
    ]
    say()
    show(("VERSION", "REQUESTS", "SERVED", "FROM (UTC)", "TO (UTC)"), rows, right=("REQUESTS", "SERVED"))


def _show_targets(targets: Sequence["ReturnTarget"]) -> None:
    if not targets:
        return
    say("\nCan be returned to, the best first:")
    for place, one in enumerate(targets, start=1):
        say(f"{place}. {clean(one.version)}: {'; '.join(map(clean, one.reasons))}")
