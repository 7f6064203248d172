"""`export records` and `export report`: what is handed to those who have no cluster, or none yet."""

import contextlib
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from ..errors import CommandError, QuestionError
from ..kubeconfig import Target
from ..options import Context, Everywhere, Kubeconfig, Namespace
from ..output import clean, tell
from .record_options import OPERATOR_NAMESPACE, LedgerUrl, OperatorNamespace, Records

app = typer.Typer(help="Write the record, or a report of a rollout, to a file.", no_args_is_help=True)

ToFile = Annotated[Path | None, typer.Option("--file", "-f", help="Where to; standard output otherwise.")]


class Form(StrEnum):
    """What a report is for."""

    HTML = "html"
    JSON = "json"


@app.callback()
def export() -> None:
    """Write the record, or a report of a rollout, to a file."""


@app.command("records")
def records_of(
    file: ToFile = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    records: Records = None,
    ledger_url: LedgerUrl = None,
    operator_namespace: OperatorNamespace = OPERATOR_NAMESPACE,
) -> None:
    """Write the whole chain as NDJSON, a record a line, for --records of other commands. It has the names of people.

    Exit status 1: there are records that cannot be read. They are named, and the others are written.
    """
    from ...ledger.lines import line
    from ...ledger.verify import Fault
    from .sources import Where, reading

    where = Where(Target(context=context, kubeconfig=kubeconfig), records, ledger_url, operator_namespace)
    count, faults = 0, 0
    with reading(where) as source, _open(file) as out:
        for record in source.source.records():
            if isinstance(record, Fault):
                faults += 1
                tell(f"kubectl-sluice: {clean(record)}")
                continue
            out.write(line(record))
            count += 1
    tell(f"{count:,} records")
    if faults:
        raise CommandError(f"{faults:,} more cannot be read, and are left out")


@app.command("report")
def report(
    version: Annotated[str, typer.Argument(metavar="VERSION", help="A ModelVersion, or MODEL/VERSION as in its spec.")],
    form: Annotated[Form, typer.Option("--format", help="A page for people, or JSON for programs.")] = Form.HTML,
    file: ToFile = None,
    namespace: Namespace = None,
    everywhere: Everywhere = False,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    records: Records = None,
    ledger_url: LedgerUrl = None,
    operator_namespace: OperatorNamespace = OPERATOR_NAMESPACE,
) -> None:
    """Write what the record has of a version's rollout as one page that needs nothing else.

    Weights, evidence with intervals and limits, who decided what and why, lineage, and the digest of every record.
    """
    try:
        from .page import Subject, as_html, as_json
    except ModuleNotFoundError as error:
        raise QuestionError(f"{error.name} is missing: pip install 'sluice-operator[cli]'") from error
    from .finding import found, readable
    from .sources import Where, reading

    target = Target(namespace=namespace, everywhere=everywhere, context=context, kubeconfig=kubeconfig)
    with reading(Where(target, records, ledger_url, operator_namespace)) as source:
        head = source.source.head()
        meant = found(source, version)
        if not meant.version:
            raise QuestionError(f"{version} is a model: name one of its versions, as {version}/VERSION")
        of_model = readable(source.source.records(namespace=meant.model[0], model=meant.model[1]))
        chosen = [one for one in of_model if one.subject.get("version") == meant.version]
    subject = Subject(meant.model, meant.version, meant.account, chosen, head, datetime.now(UTC))
    try:
        made = as_json(subject) if form is Form.JSON else as_html(subject)
    except KeyError as error:
        raise QuestionError(f"the record tells of no rollout of {clean(version)}") from error
    with _open(file) as out:
        out.write(made.encode())


@contextlib.contextmanager
def _open(file: Path | None) -> Iterator[BinaryIO]:
    """Where to write. A file has its name only once it is whole: it may be the one that is read from.

    Raises:
        QuestionError: nobody can write there.
    """
    try:
        with contextlib.nullcontext(sys.stdout.buffer) if file is None else _replaced(file) as out:
            yield out
    except BrokenPipeError:
        raise
    except OSError as error:
        raise QuestionError(f"{file or 'standard output'}: {error.strerror or error}") from error


@contextlib.contextmanager
def _replaced(file: Path) -> Iterator[BinaryIO]:
    if file.exists() and not file.is_file():
        with file.open("wb") as out:  # a pipe, or a device
            yield out
        return
    whole = file.resolve()
    part = whole.with_name(f"{whole.name}.part")
    try:
        with part.open("wb") as out:
            yield out
        part.replace(whole)
    finally:
        part.unlink(missing_ok=True)
