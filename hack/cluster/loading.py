"""Send built images to the node, without an archive on the disk in between."""

import json

from hack.cluster.kind import NODE, Cluster


def load(cluster: Cluster, reference: str, *, log: str) -> None:
    """Bring one image of the engine's store into the node."""
    import_words = [cluster.engine, "exec", "-i", NODE, "ctr", "-n", "k8s.io", "images", "import", "-"]
    cluster.shell.pipe([cluster.engine, "save", reference], import_words, log=log)
    _drop_layers(cluster, reference)


def drop_unused(cluster: Cluster, reference: str) -> None:
    """Remove earlier tags of the same image from the node, except those that pods still use."""
    repository = reference.rpartition(":")[0]
    path = "jsonpath={.items[*].spec['containers','initContainers'][*].image}"
    used = set(cluster.kubectl("get", "pods", "--all-namespaces", "-o", path).split())
    for other in cluster.node_images() - used - {reference}:
        if other.rpartition(":")[0] == repository:
            cluster.shell.run([cluster.engine, "exec", NODE, "ctr", "-n", "k8s.io", "images", "rm", other], log="kind")


def _drop_layers(cluster: Cluster, reference: str) -> None:
    """Drop the packed layers of an image that the node has unpacked: they would take its space twice.

    The kubelet needs only what is unpacked; kind's own configuration does the same for images that it pulls.
    """
    inspected = json.loads(cluster.shell.output([cluster.engine, "image", "inspect", reference]))
    layers = inspected[0]["RootFS"]["Layers"]
    words = [cluster.engine, "exec", NODE, "ctr", "-n", "k8s.io", "content"]
    present = set(cluster.shell.output([*words, "list", "-q"]).split())
    for layer in sorted(present.intersection(layers)):
        cluster.shell.run([*words, "rm", layer], log="kind")
