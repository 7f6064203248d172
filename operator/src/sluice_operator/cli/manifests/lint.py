"""`lint`: what is wrong with manifests, without a cluster."""

from dataclasses import asdict
from typing import Annotated

import typer

from ..errors import QuestionError
from ..options import Format
from ..output import Output, clean, say, say_json


def lint(
    files: Annotated[
        list[typer.FileText],
        typer.Option("--filename", "-f", help="YAML with ModelVersions, RolloutPolicies, RolloutActions; - is stdin."),
    ],
    output: Format = Output.TABLE,
) -> None:
    """Say what is wrong with manifests, and in which line, without asking a cluster.

    Schema, rules, gates, overlays, and each version under the policy that is given with it. What only an installation
    knows is not asked: whether queries of one's own are allowed, and which edges histograms have.

    Exit status 0: nothing is wrong. 1: something is. 2: there is nothing of ours to read.
    """
    from .findings import findings, ours
    from .manifest import documents

    found = ours([document for file in files for document in documents(file)])
    if not found:
        names = ", ".join(file.name for file in files)
        raise QuestionError(f"{names}: expected a ModelVersion, RolloutPolicy or RolloutAction of sluice.dev/v1alpha1")
    wrong = findings(found)
    if output is Output.JSON:
        say_json("Findings", {"objects": len(found), "findings": [asdict(finding) for finding in wrong]})
    else:
        for finding in wrong:
            where = f"{finding.file}:{finding.line}: {finding.kind} {finding.name}: {finding.path}"
            say(clean(f"{where}: {finding.message}"))
        if not wrong:
            say(f"{len(found)} object{'s' if len(found) > 1 else ''}, nothing wrong")
    raise typer.Exit(1 if wrong else 0)
