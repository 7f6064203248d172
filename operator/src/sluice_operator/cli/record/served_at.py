"""`served-at`: which version answered at a moment, or on a day."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import QuestionError
from ..kubeconfig import Target
from ..options import Context, Everywhere, Format, Kubeconfig, Namespace
from ..output import MOMENT, Output, clean, say, say_json
from ..tables import show
from .record_options import OPERATOR_NAMESPACE, LedgerUrl, OperatorNamespace, Records

if TYPE_CHECKING:
    from ...history.account import ModelAccount
    from ...history.facts import Model
    from ...history.shares import Span


@dataclass(frozen=True, slots=True)
class Asked:
    """The time that is asked about, in UTC."""

    since: datetime
    until: datetime
    """The same for a moment."""


def served_at(
    when: Annotated[str, typer.Argument(metavar="TIME", help="As 2026-11-03T14:05:00Z, or a day as 2026-11-03.")],
    model: Annotated[str | None, typer.Argument(metavar="[MODEL]", help="A model; all otherwise.")] = None,
    namespace: Namespace = None,
    everywhere: Everywhere = False,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    records: Records = None,
    ledger_url: LedgerUrl = None,
    operator_namespace: OperatorNamespace = OPERATOR_NAMESPACE,
    output: Format = Output.TABLE,
) -> None:
    """Say which versions answered at a moment, with which share of the requests, and by which record that is known.

    A day, or a time without a zone, is taken as UTC. For a day all that served in it are named.
    """
    from .finding import of_models
    from .sources import Where, reading

    asked = _asked(when, now=datetime.now(UTC))
    target = Target(namespace=namespace, everywhere=everywhere, context=context, kubeconfig=kubeconfig)
    with reading(Where(target, records, ledger_url, operator_namespace)) as source:
        known = of_models(source, model)
    found = {key: _spans(account, asked) for key, account in known.items()}
    if output is Output.JSON:
        _as_json(found, known, asked)
    else:
        _show(found, known, asked)


def _asked(when: str, *, now: datetime) -> Asked:
    """Raises QuestionError: it is no time, or has not come yet."""
    try:
        if "W" in when:  # a week would be taken for its Monday
            raise ValueError(when)
        since = datetime.fromisoformat(when)
        since = since.replace(tzinfo=UTC) if since.tzinfo is None else since.astimezone(UTC)
        until = since
        if _is_day(when):
            until = since + timedelta(days=1)
    except (ValueError, OverflowError):
        raise QuestionError(
            f"{when} is no time: expected one as 2026-11-03T14:05:00Z, or a day as 2026-11-03"
        ) from None
    if since > now:
        raise QuestionError(f"{when} has not come yet")
    return Asked(since=since, until=min(until, now))


def _is_day(when: str) -> bool:
    try:
        return datetime.combine(date.fromisoformat(when), time()) == datetime.fromisoformat(when)
    except ValueError:
        return False


def _spans(account: "ModelAccount", asked: Asked) -> "tuple[Span, ...]":
    from ...history.shares import span_at, within

    if asked.since < asked.until:
        return within(account.spans, since=asked.since, until=asked.until)
    span = span_at(account.spans, asked.since)
    return () if span is None else (span,)


def _show(found: "Mapping[Model, tuple[Span, ...]]", known: "Mapping[Model, ModelAccount]", asked: Asked) -> None:
    rows = []
    for (namespace, model), spans in sorted(found.items()):
        for span in spans:
            ends = f"{span.end:{MOMENT}}" if span.end is not None else "still so"
            for version, weight in span.weights.items():
                digest = known[namespace, model].versions[version].digest_at(span.start)[:19]
                told = (f"{span.start:{MOMENT}}", ends, digest, str(span.seq))
                rows.append((namespace, model, version, f"{weight} %", *told))
    if rows:
        titles = ("NAMESPACE", "MODEL", "VERSION", "REQUESTS", "FROM (UTC)", "TO (UTC)", "DIGEST", "RECORD")
        show(titles, rows, whole=[one for one in titles if one != "DIGEST"], right=("REQUESTS", "RECORD"))
    for (namespace, model), spans in sorted(found.items()):
        began = known[namespace, model].first
        if began is not None and asked.since < began:
            say(clean(f"the record of {namespace}: {model} begins on {began:{MOMENT}} UTC, and knows nothing before"))
        if not any(one.weights for one in spans) and (began is None or asked.until >= began):
            say(f"nobody served then: {clean(f'{namespace}: {model}')}")


def _as_json(found: "Mapping[Model, tuple[Span, ...]]", known: "Mapping[Model, ModelAccount]", asked: Asked) -> None:
    from .documents import document

    models = [
        {
            "namespace": namespace,
            "model": model,
            "recordedSince": document(known[namespace, model].first),
            "spans": document(spans),
            "digests": {
                version: known[namespace, model].versions[version].digest_at(span.start) or None
                for span in spans
                for version in span.weights
            },
        }
        for (namespace, model), spans in sorted(found.items())
    ]
    say_json("ServedAt", {"since": document(asked.since), "until": document(asked.until), "models": models})
