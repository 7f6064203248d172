"""`get`: the tree of models, versions, pods and gates, once or live."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from ..kubeconfig import Target
from ..options import Context, Everywhere, Format, Kubeconfig, Names, Namespace
from ..output import Output, clean, tell

if TYPE_CHECKING:
    from ..cluster import Cluster


def get(
    names: Names = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Go on showing what changes, until Ctrl-C.")] = False,
    namespace: Namespace = None,
    everywhere: Everywhere = False,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    output: Format = Output.TABLE,
) -> None:
    """Show models, their versions, and of those that matter pods, gates and weights.

    A model that is named is shown with all its versions. With --watch and no terminal, a line is printed for each
    change; with -o json, a document.
    """
    from ..cluster import connect

    cluster = connect(Target(namespace=namespace, everywhere=everywhere, context=context, kubeconfig=kubeconfig))
    (_watch if watch else _once)(cluster, names or (), output)


def _once(cluster: "Cluster", names: Sequence[str], output: Output) -> None:
    from .pictures import document, show
    from .versions import chosen, models
    from .watching import there

    found = there(cluster)
    if found.without_pods is not None:
        tell(f"kubectl-sluice: pods are not shown: {clean(found.without_pods)}")
    picked = chosen(models(found.versions), names)
    if output is Output.JSON:
        document(picked, found.pods)
    elif picked:
        show(picked, found.pods, whole=bool(names))
    else:
        tell("no model versions " + ("in any namespace" if cluster.everywhere else f"in namespace {cluster.namespace}"))


def _watch(cluster: "Cluster", names: Sequence[str], output: Output) -> None:
    from .pictures import pictures
    from .versions import Model, chosen, models, still
    from .watching import changes

    seen: object = None
    known: list[Model] = []
    begun = False
    with pictures(output, whole=bool(names)) as picture:
        for found in changes(cluster):
            known = known if found is seen else models(found.versions)
            # A name must be right when one begins; that its version is deleted later is no mistake.
            picked = still(known, names) if begun else chosen(known, names)
            seen, begun = found, True
            picture(picked, found.pods)
