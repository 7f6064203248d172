"""`plan`: what a rollout will do under the traffic that was measured, before it begins."""

from typing import Annotated

import typer

from ..options import Format
from ..output import Output, say


def plan(
    file: Annotated[
        typer.FileText,
        typer.Option("--filename", "-f", help="YAML with a ModelVersion, a RolloutPolicy or both; - is stdin."),
    ],
    rate: Annotated[
        float, typer.Option("--requests-per-second", min=0.001, max=1e6, help="To the model, all versions together.")
    ],
    bad: Annotated[
        list[str],
        typer.Option(metavar="[GATE=]SHARE", help="Share of stable's requests that is bad, 0 to 1, for a gate or all."),
    ],
    output: Format = Output.TABLE,
) -> None:
    """Say what a rollout will do under the traffic that was measured, before it begins.

    Exit status 0: it can work. 1: it cannot, or not well; the warnings say why. 2: the question is wrong.
    """
    from . import report
    from .files import read
    from .question import asked

    question = asked(read(file), rate=rate, bad=bad)
    found = question.answer()
    if output is Output.JSON:
        say(report.as_json(found))
    else:
        report.show(question, found)
    raise typer.Exit(1 if found.warnings else 0)
