"""The node image: Debian, kind's own files, and the control plane's images packed inside."""

import tempfile
from pathlib import Path

from hack.cluster.commands import Shell
from hack.cluster.containers import PREFIX, Store, StoredImage
from hack.cluster.gobuild import KUBERNETES, module_dir
from hack.cluster.images import NODE, base_reference
from hack.cluster.paths import Paths
from hack.cluster.steps import Plan, Step

_REGISTRY = "registry.k8s.io"
# The tags that kubeadm of this release asks for.
_CONTROL_PLANE = (
    *(f"kube-{name}:{KUBERNETES}" for name in ("apiserver", "controller-manager", "scheduler", "proxy")),
    "etcd:3.6.6-0",
)
_COREDNS = "coredns/coredns:v1.13.1"
_PAUSE = "pause:3.10.1"


def add_node_image(plan: Plan, *, paths: Paths, shell: Shell, store: Store) -> str:
    """Add the node image to the plan and return its reference."""
    recipes = tuple(paths.containerfiles / name for name in ("node", "control-plane", "coredns", "pause"))
    bases = {name: base_reference(plan, name) for name in ("debian-node", "debian-small")}

    def build(reference: str) -> None:
        kind = module_dir("sigs.k8s.io/kind", directory=paths.tools / "kind", shell=shell)
        # Beside the cache and not in /tmp, which is often a small file system in memory.
        with tempfile.TemporaryDirectory(dir=paths.cache, prefix=".node-") as scratch:
            _archive(Path(scratch) / "control-plane.tar", base=bases["debian-small"], paths=paths, store=store)
            store.build(
                reference,
                containerfile=recipes[0] / "Containerfile",
                context=recipes[0],
                contexts={"kind": kind / "images/base/files", "bin": paths.bin, "archive": Path(scratch)},
                arguments={"BASE": bases["debian-node"], "KUBERNETES": KUBERNETES},
                log="image-node",
            )

    needs = ("debian-node", "debian-small", "build kubernetes", "build coredns", "build pause", "build kind")
    step = Step("image node", "debian", recipes, StoredImage(store, f"{PREFIX}/{NODE.name}", build), needs)
    return f"{PREFIX}/{NODE.name}:{plan.add(step)}"


def _archive(archive: Path, *, base: str, paths: Paths, store: Store) -> None:
    """Build the control plane's images, save them in one archive and take them out of the store again."""
    control_plane = [f"{_REGISTRY}/{tag}" for tag in _CONTROL_PLANE]
    others = [f"{_REGISTRY}/{_COREDNS}", f"{_REGISTRY}/{_PAUSE}"]
    for recipe, name in zip(("control-plane", "coredns", "pause"), (control_plane[0], *others), strict=True):
        store.build(
            name,
            containerfile=paths.containerfiles / recipe / "Containerfile",
            context=paths.containerfiles / recipe,
            contexts={"bin": paths.bin},
            arguments={"BASE": base} if recipe == "control-plane" else {},
            log="image-node",
        )
    store.shell.run(["podman", "tag", *control_plane], log="image-node")
    everything = [*control_plane, *others]
    words: list[str | Path] = ["podman", "save", "--quiet", "--multi-image-archive", "--output", archive]
    store.shell.run([*words, *everything], log="image-node")
    store.shell.run(["podman", "image", "rm", *everything], log="image-node")
