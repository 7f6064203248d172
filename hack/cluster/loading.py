"""Send images to the node: only the layers it does not have, and without an archive of the large ones on the disk."""

import hashlib
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hack.cluster.kind import NODE, Cluster

_LOG = "load"


@dataclass(frozen=True, slots=True)
class LoadedImage:
    """Output of a step: an image in the node. Its name says what is in it, so the key is not compared."""

    cluster: Cluster
    reference: str

    def exists(self, _key: str) -> bool:
        return self.reference in self.cluster.node_images()

    def make(self, _key: str) -> None:
        load(self.cluster, self.reference)


def load(cluster: Cluster, reference: str) -> None:
    """Bring one image of the engine's store into the node, and drop earlier tags of it that no pod uses."""
    layers = _layers(cluster, reference)
    if cluster.engine == "podman" and _all_but_last_present(layers, unpacked=_unpacked(cluster)):
        _send_last_layer(cluster, reference, layers=layers)
    else:
        cluster.shell.pipe([cluster.engine, "save", reference], _import(cluster), log=_LOG)
    _drop_packed(cluster, layers)
    _drop_unused(cluster, reference)


def chain_ids(layers: Sequence[str]) -> list[str]:
    """The names that unpacked layers have in containerd: each covers a layer and all below it."""
    chain: list[str] = []
    for layer in layers:
        text = f"{chain[-1]} {layer}" if chain else layer
        chain.append(f"sha256:{hashlib.sha256(text.encode()).hexdigest()}" if chain else layer)
    return chain


def _all_but_last_present(layers: Sequence[str], *, unpacked: set[str]) -> bool:
    return len(layers) > 1 and unpacked.issuperset(chain_ids(layers)[:-1])


def _send_last_layer(cluster: Cluster, reference: str, *, layers: Sequence[str]) -> None:
    """Send an image whose lower layers the node has unpacked: what has changed is our code, a hundred kilobytes.

    A push leaves out layers that the target directory already has, so empty files stand for those; they are not sent.
    """
    with tempfile.TemporaryDirectory(dir=cluster.paths.cache, prefix=".load-") as scratch:
        blobs = Path(scratch) / "blobs" / "sha256"
        blobs.mkdir(parents=True)
        present = [blobs / layer.removeprefix("sha256:") for layer in layers[:-1]]
        for blob in present:
            blob.touch()
        target = f"oci:{scratch}:{reference}"
        cluster.shell.run(["buildah", "push", "--quiet", "--disable-compression", reference, target], log=_LOG)
        for blob in present:
            blob.unlink()
        cluster.shell.pipe(["tar", "--create", "--directory", scratch, "."], _import(cluster), log=_LOG)


def _import(cluster: Cluster) -> list[str | Path]:
    return [cluster.engine, "exec", "-i", NODE, "ctr", "-n", "k8s.io", "images", "import", "-"]


def _ctr(cluster: Cluster, *words: str) -> list[str | Path]:
    return [cluster.engine, "exec", NODE, "ctr", "-n", "k8s.io", *words]


def _layers(cluster: Cluster, reference: str) -> list[str]:
    inspected = json.loads(cluster.shell.output([cluster.engine, "image", "inspect", reference]))
    layers: list[str] = inspected[0]["RootFS"]["Layers"]
    return layers


def _unpacked(cluster: Cluster) -> set[str]:
    listed = cluster.shell.output(_ctr(cluster, "snapshots", "list"))
    return {line.split()[0] for line in listed.splitlines()}


def _drop_packed(cluster: Cluster, layers: Sequence[str]) -> None:
    """Drop the packed form of layers that the node has unpacked: it would take their space a second time.

    Pods run from what is unpacked; kind's own configuration has the same done for images that the node pulls.
    """
    packed = set(cluster.shell.output(_ctr(cluster, "content", "list", "-q")).split())
    for layer in sorted(packed.intersection(layers)):
        cluster.shell.run(_ctr(cluster, "content", "rm", layer), log=_LOG)


def _drop_unused(cluster: Cluster, reference: str) -> None:
    repository = reference.rpartition(":")[0]
    path = "jsonpath={.items[*].spec['containers','initContainers'][*].image}"
    used = set(cluster.kubectl("get", "pods", "--all-namespaces", "-o", path).split())
    for other in cluster.node_images() - used - {reference}:
        if other.rpartition(":")[0] == repository:
            cluster.shell.run(_ctr(cluster, "images", "rm", other), log=_LOG)
