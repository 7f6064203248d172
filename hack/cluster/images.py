"""Every image of the cluster, with both of its sources: published, or built here.

Built images are named by a key of everything that went into them, so a name that exists is never out of date
and the node is sent only what it does not have.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hack.cluster.commands import UV, Shell
from hack.cluster.containers import PREFIX, Store, StoredImage
from hack.cluster.paths import Paths
from hack.cluster.steps import FileOutput, Plan, Step


@dataclass(frozen=True, slots=True)
class Image:
    """One image.

    Attributes:
        name: In this table, of its directory under hack/images/ and of its repository when built here.
        published: The reference that a cluster with public registries takes.
        base: Which Debian base it is built on; nothing for a single static binary.
        needs: Steps whose output goes into it.
    """

    name: str
    published: str
    base: str | None = None
    needs: tuple[str, ...] = ()


PYTHON = Image("debian-python", "docker.io/library/python:3.11-slim-bookworm")
INSTALLER = Image("uv", "ghcr.io/astral-sh/uv:0.13.8", needs=("wheel uv",))
CONTOUR = Image("contour", "ghcr.io/projectcontour/contour:v1.33.8", needs=("build contour",))
ENVOY = Image("envoy", "docker.io/envoyproxy/envoy:distroless-v1.38.9", base="debian-small", needs=("wheel envoy",))
KSERVE = Image("kserve", "docker.io/kserve/kserve-controller:v0.20.0", needs=("build kserve",))
PROMETHEUS = Image("prometheus", "docker.io/prom/prometheus:v3.13.5", needs=("build prometheus",))
NODE = Image("node", "docker.io/kindest/node:v1.35.0", base="debian-node")

PLATFORM = (CONTOUR, ENVOY, KSERVE, PROMETHEUS)

# What each Debian base has beside the minimum that apt calls essential.
DEBIAN = {
    "debian-small": ("iptables", "conntrack", "kmod"),
    "debian-python": ("ca-certificates", "python3"),
    "debian-node": (
        *("systemd", "dbus", "containerd", "runc", "containernetworking-plugins"),
        *("conntrack", "iptables", "nftables", "iproute2", "ethtool", "kmod", "mount", "util-linux"),
        *("ca-certificates", "curl", "jq", "procps", "pigz"),
    ),
}

WHEELS = ("envoy", "uv")


def add_debian(plan: Plan, *names: str, store: Store) -> None:
    """Add the Debian bases of these names."""
    for name in names:
        packages = DEBIAN[name]

        def make(reference: str, packages: tuple[str, ...] = packages, name: str = name) -> None:
            store.import_debian(reference, packages=packages, log=name)

        plan.add(Step(name, "debian", packages, StoredImage(store, f"{PREFIX}/{name}", make)))


def add_wheels(plan: Plan, *, paths: Paths, shell: Shell) -> None:
    """Add the programs that come as wheels, pinned by hash in hack/tools/<name>/requirements.txt."""
    for name in WHEELS:
        requirements = paths.tools / name / "requirements.txt"

        def install(part: Path, requirements: Path = requirements, name: str = name) -> None:
            words = [UV, "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--python", sys.executable]
            shell.run([*words, "--target", part, "--requirements", requirements], log=f"wheel-{name}")

        plan.add(Step(f"wheel {name}", "debian", (requirements,), FileOutput(paths.wheels / name, install)))


def add_images(plan: Plan, *images: Image, paths: Paths, store: Store) -> dict[str, str]:
    """Add the builds of `images` and return their references by name."""
    references = {}
    for image in images:
        recipe = paths.containerfiles / image.name
        output = StoredImage(store, f"{PREFIX}/{image.name}", _builder(image, plan=plan, paths=paths, store=store))
        needs = (*((image.base,) if image.base else ()), *image.needs)
        references[image.name] = output.reference(
            plan.add(Step(f"image {image.name}", "debian", (recipe,), output, needs))
        )
    return references


def reference(plan: Plan, image: Image) -> str:
    """The full name of an image whose build is in the plan."""
    return f"{PREFIX}/{image.name}:{plan.keys[f'image {image.name}']}"


def base_reference(plan: Plan, base: str) -> str:
    """The full name of a Debian base that is in the plan."""
    return f"{PREFIX}/{base}:{plan.keys[base]}"


def _builder(image: Image, *, plan: Plan, paths: Paths, store: Store) -> Callable[[str], None]:
    recipe = paths.containerfiles / image.name
    arguments = {"BASE": base_reference(plan, image.base)} if image.base else {}

    def build(reference: str) -> None:
        store.build(
            reference,
            containerfile=recipe / "Containerfile",
            context=recipe,
            contexts={"bin": paths.bin, "wheels": paths.wheels},
            arguments=arguments,
            log=f"image-{image.name}",
        )

    return build
