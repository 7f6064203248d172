"""`verify-ledger`: whether the record is whole."""

from pathlib import Path
from typing import Annotated

import typer

from ..kubeconfig import Target
from ..options import Context, Format, Kubeconfig
from ..output import Output
from .record_options import CHECKPOINT, OPERATOR_NAMESPACE, LedgerUrl, OperatorNamespace, Records


def verify_ledger(
    checkpoint: Annotated[
        Path | None,
        typer.Option(help=f"A file with the checkpoint: `kubectl get configmap {CHECKPOINT} -o json`, kept elsewhere."),
    ] = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    records: Records = None,
    ledger_url: LedgerUrl = None,
    operator_namespace: OperatorNamespace = OPERATOR_NAMESPACE,
    output: Format = Output.TABLE,
) -> None:
    """Verify the whole chain of records, and that it reaches the checkpoint outside the database.

    Exit status 0: it is whole. 1: it is not, and the records that show it are named. An export must be of all records.
    """
    from .sources import Where
    from .verifying import verified

    where = Where(Target(context=context, kubeconfig=kubeconfig), records, ledger_url, operator_namespace)
    verified(where, checkpoint, output=output)
