"""`version`: of this program and of the operators, and whether they fit."""

import typer

from ..errors import ClusterError
from ..kubeconfig import Target
from ..options import Context, Format, Kubeconfig, Namespace
from ..output import Output, clean, say, say_json, tell


def version(
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    output: Format = Output.TABLE,
) -> None:
    """Say the versions of this program and of the operators in the cluster.

    Exit status 0, also where the cluster cannot be asked. 1: they are more than one minor version apart.
    """
    from ..cluster import connect
    from .installation import installations, own_version, skew

    found, problem = [], ""
    try:
        found = installations(connect(Target(namespace=namespace, context=context, kubeconfig=kubeconfig)))
    except ClusterError as error:
        problem = str(error)
    apart = [told for one in found if (told := skew(one.version))]
    if output is Output.JSON:
        operators = [{"namespace": one.namespace, "version": one.version} for one in found]
        body = {"client": own_version(), "operators": operators, "skew": apart, "problem": problem or None}
        say_json("Versions", body)
    else:
        say(f"kubectl-sluice {own_version()}")
        for one in found:
            say(clean(f"operator {one.version} in namespace {one.namespace}"))
        if not found:
            say(clean(f"operator: {problem or 'none in this cluster'}"))
        for told in apart:
            tell(clean(f"kubectl-sluice: {told}"))
    raise typer.Exit(1 if apart else 0)
