"""What the Tab key offers: commands, options, and the names that the cluster knows.

Typer completes `kubectl-sluice`. kubectl completes `kubectl sluice` by asking a program of the name
`kubectl_complete-sluice`, which answers as programs made with Cobra do: an offer a line, and a number at the end.
Whatever fails while completing is silent: there is nothing to offer, and the person is typing.
"""

import os
import shlex
import sys
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Annotated, Any

import typer

PROGRAM = "kubectl-sluice"
VARIABLE = "_KUBECTL_SLUICE_COMPLETE"
"""By which a shell says that it asks for offers."""
_NO_FILES = ":4"
"""Cobra's word for: nothing else fits, do not offer files."""


class Shell(StrEnum):
    """A shell that can be taught."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(shell: Annotated[Shell, typer.Argument(help="The shell.")]) -> None:
    """Print what teaches a shell to complete kubectl-sluice.

    For bash: source <(kubectl-sluice completion bash). For `kubectl sluice`, kubectl asks kubectl_complete-sluice by
    itself, where its own completion is set up and both programs are on the PATH.
    """
    _asked({VARIABLE: f"source_{shell}"})


def for_kubectl() -> None:
    """The program kubectl_complete-sluice: the last argument is the beginning of what is being typed."""
    words = [PROGRAM, *sys.argv[1:]]
    typed = {VARIABLE: "complete_bash", "COMP_WORDS": shlex.join(words), "COMP_CWORD": str(len(words) - 1)}
    try:
        _asked(typed)
    except SystemExit:
        sys.stdout.flush()
    print(_NO_FILES)


def prepare() -> None:
    """Let Typer answer shells; it does not by itself where the app has no options for that."""
    from typer._completion_classes import completion_init  # has no public name

    completion_init()


def named(ctx: typer.Context, incomplete: str) -> list[str]:
    """Models and versions."""
    return _offered(ctx, _models_and_versions, incomplete)


def namespaces(ctx: typer.Context, incomplete: str) -> list[str]:
    """Namespaces."""

    def asked(options: dict[str, Any]) -> Iterable[str]:
        from ..kube.resource import Resource

        found = _cluster(options).items(Resource("", "v1", "namespaces"), namespace=None)
        return (obj["metadata"]["name"] for obj in found)

    return _offered(ctx, asked, incomplete)


def contexts(ctx: typer.Context, incomplete: str) -> list[str]:
    """The contexts of the kubeconfig."""

    def asked(options: dict[str, Any]) -> Iterable[str]:
        from kubernetes.config import list_kube_config_contexts

        found, _ = list_kube_config_contexts(options.get("kubeconfig"))
        return (context["name"] for context in found)

    return _offered(ctx, asked, incomplete)


def _models_and_versions(options: dict[str, Any]) -> Iterable[str]:
    from .cluster import MODEL_VERSIONS

    cluster = _cluster(options)
    for obj in cluster.items(MODEL_VERSIONS, namespace=cluster.scope):
        yield obj["metadata"]["name"]
        yield obj["spec"]["model"]


def _cluster(options: dict[str, Any]) -> Any:
    from .cluster import connect
    from .kubeconfig import Target

    given = {name: options.get(name) for name in ("namespace", "context", "kubeconfig")}
    return connect(Target(**given, everywhere=bool(options.get("everywhere"))))


def _offered(ctx: typer.Context, asked: Callable[[dict[str, Any]], Iterable[str]], incomplete: str) -> list[str]:
    try:
        return sorted({name for name in asked(ctx.params) if name.startswith(incomplete)})
    except Exception:
        return []


def _asked(environment: dict[str, str]) -> None:
    """Run the command line as a shell does that asks it."""
    from .app import app

    os.environ.update(environment)
    prepare()
    app(prog_name=PROGRAM, args=[])
