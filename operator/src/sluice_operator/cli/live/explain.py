"""`explain`: why a version waits, and what would move it."""

import typer

from ..kubeconfig import Target
from ..options import Context, Everywhere, Format, Kubeconfig, Namespace, Version
from ..output import Output, clean, say, say_json


def explain(
    name: Version,
    namespace: Namespace = None,
    everywhere: Everywhere = False,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    output: Format = Output.TABLE,
) -> None:
    """Say in one sentence why a version is where it is, and what would move it."""
    from ..cluster import MODEL_VERSIONS, connect
    from .versions import model_of, models, now, one
    from .why import why

    cluster = connect(Target(namespace=namespace, everywhere=everywhere, context=context, kubeconfig=kubeconfig))
    known = models(cluster.items(MODEL_VERSIONS, namespace=cluster.scope))
    version = one(known, name)
    found = why(version, model_of(known, version), now=now())
    if output is Output.JSON:
        names = {"namespace": version.namespace, "name": version.name, "phase": version.phase}
        say_json("Explanation", {**names, "why": found.sentence, "moves": list(found.moves)})
        raise typer.Exit
    say(clean(found.sentence))
    for move in found.moves:
        say(f"  → {clean(move)}")
