"""The options of commands that read the record."""

from pathlib import Path
from typing import Annotated

import typer

from ..completion import namespaces

Records = Annotated[
    Path | None,
    typer.Option("--records", help="Read an export of the record (NDJSON) instead of the operator's; no cluster."),
]
LedgerUrl = Annotated[
    str | None,
    typer.Option(
        "--ledger-url", envvar="SLUICE_LEDGER_URL", help="Read the ledger's database instead; better not typed."
    ),
]
OperatorNamespace = Annotated[
    str, typer.Option("--operator-namespace", help="Where the operator runs.", autocompletion=namespaces)
]
OPERATOR_NAMESPACE = "sluice-system"
CHECKPOINT = "sluice-ledger-head"
"""The ConfigMap in which the operator keeps where the chain ends."""
Named = Annotated[
    str, typer.Argument(metavar="MODEL|VERSION", help="A model, a ModelVersion, or MODEL/VERSION as in its spec.")
]
