"""The commands. Help must come at once: a command's module imports what computes, or asks, when it is called."""

from typing import Any

import typer
from typer.core import TyperGroup

from . import completion
from .errors import CommandError
from .live import acts, check, describe, explain, get, status, version
from .manifests import lint, planning
from .output import clean, tell
from .record import compare, exporting, history, lineage, served_at, verify_ledger


class Commands(TyperGroup):
    """Ends every command that fails with one line and its exit status."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except CommandError as error:
            tell(f"kubectl-sluice: {clean(error)}")
            raise typer.Exit(error.code) from None
        except BrokenPipeError:
            raise  # who read has seen enough: Typer ends the program quietly
        except OSError as error:
            tell(f"kubectl-sluice: the answer cannot be written: {clean(error.strerror or error)}")
            raise typer.Exit(CommandError.code) from None


app = typer.Typer(
    name="kubectl-sluice",
    cls=Commands,
    help="Rollouts of model versions.",
    no_args_is_help=True,
    rich_markup_mode=None,  # help and errors in plain text, in half the time
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def kubectl_sluice() -> None:
    """Rollouts of model versions."""


# What people look at
app.command()(get.get)
app.command()(describe.describe)
app.command()(explain.explain)
app.command()(status.status)

# What people decide
for name, act in acts.COMMANDS.items():
    app.command(name=name)(act)

# What the record says afterwards
app.command()(history.history)
app.command()(lineage.lineage)
app.command()(served_at.served_at)
app.command()(compare.compare)
app.command()(verify_ledger.verify_ledger)
app.add_typer(exporting.app, name="export")

# Before anything runs
app.command()(planning.plan)
app.command()(lint.lint)
app.command()(check.check)

app.command()(version.version)
app.command()(completion.completion)
