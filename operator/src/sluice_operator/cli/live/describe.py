"""`describe`: all that is known of one version."""

from typing import TYPE_CHECKING, Any

import typer

from ..errors import ClusterError
from ..kubeconfig import Target
from ..options import Context, Format, Kubeconfig, Namespace, Version
from ..output import Output, clean, console, say_json, tell

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...kube.resource import Object, Resource
    from ..cluster import Cluster
    from .versions import Version as Known

_EVENTS = 10


def describe(
    name: Version,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    output: Format = Output.TABLE,
) -> None:
    """Show all that is known of a version: settings in force, gates, people's acts, attempts, lineage, events."""
    from ..cluster import EVENTS, MODEL_VERSIONS, PODS, ROLLOUT_ACTIONS, connect
    from .sections import sections
    from .versions import models, now, one
    from .watching import OF_MODELS

    cluster = connect(Target(namespace=namespace, context=context, kubeconfig=kubeconfig))
    version = one(models(cluster.items(MODEL_VERSIONS, namespace=cluster.namespace)), name)
    acts = [
        act
        for act in _may_read(cluster, ROLLOUT_ACTIONS, version, {})
        if (act.get("spec") or {}).get("uid") == version.uid
    ]
    pods = _may_read(cluster, PODS, version, OF_MODELS)
    about = {"fieldSelector": f"regarding.name={version.name},regarding.kind=ModelVersion"}
    events = sorted(_may_read(cluster, EVENTS, version, about), key=_last_seen)[-_EVENTS:]
    if output is Output.JSON:
        say_json("Version", {"modelVersion": version.raw, "acts": acts, "pods": pods, "events": events})
        raise typer.Exit
    screen = console()
    for title, lines in sections(version, acts=acts, pods=pods, events=events, now=now()):
        screen.print(title, style="bold")
        for line in lines:
            screen.print(clean(line), style="none", soft_wrap=not screen.is_terminal)


def _may_read(cluster: "Cluster", resource: "Resource", version: "Known", query: "Mapping[str, str]") -> "list[Object]":
    """What is there beside the version itself; without the right to read it, it is left out."""
    try:
        return cluster.items(resource, namespace=version.namespace, query=query)
    except ClusterError as error:
        tell(f"kubectl-sluice: {resource.plural} are not shown: {clean(error)}")
        return []


def _last_seen(event: "Object") -> str:
    series: Any = event.get("series") or {}
    return str(series.get("lastObservedTime") or event.get("eventTime") or event.get("deprecatedLastTimestamp") or "")
