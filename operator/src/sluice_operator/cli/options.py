"""The options that many commands share, each with the same name and meaning everywhere."""

from typing import Annotated

import typer

from .completion import contexts, named, namespaces
from .errors import QuestionError
from .output import Output

Namespace = Annotated[
    str | None,
    typer.Option("--namespace", "-n", help="Where to look; the context's otherwise.", autocompletion=namespaces),
]
Everywhere = Annotated[bool, typer.Option("--all-namespaces", "-A", help="Look in all namespaces.")]
Context = Annotated[
    str | None, typer.Option(help="The kubeconfig's context; its current one otherwise.", autocompletion=contexts)
]
Kubeconfig = Annotated[str | None, typer.Option(help="The kubeconfig; KUBECONFIG or ~/.kube/config otherwise.")]
Format = Annotated[Output, typer.Option("--output", "-o", help="For people, or for programs.")]
Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="[MODEL|VERSION]...", help="Models or versions; all otherwise.", autocompletion=named),
]
Version = Annotated[
    str,
    typer.Argument(
        metavar="VERSION", help="A ModelVersion; or a model, for its version under way.", autocompletion=named
    ),
]
Reason = Annotated[str | None, typer.Option("--reason", "-r", help="Why, for those who ask afterwards.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask whether this is meant.")]
Wait = Annotated[bool, typer.Option(help="Wait until it is said what came of it.")]
Timeout = Annotated[str, typer.Option(help="How long to wait at most, as 30s, 10m or 1h30m.")]


def seconds(timeout: str) -> float:
    """The seconds of a length of time as people write it.

    Raises:
        QuestionError: it is none.
    """
    from ..api.base import parse_duration

    try:
        return parse_duration(timeout).total_seconds()
    except ValueError as error:
        raise QuestionError(f"--timeout: {error}") from None
