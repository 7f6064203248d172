"""The images of a container engine, asked for once and changed only under content-derived names."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hack.cluster.commands import Shell
from hack.cluster.steps import write_whole

PREFIX = "localhost/sluice"

# runc: crun refuses hybrid cgroup v1. The limits: without CAP_SYS_RESOURCE they cannot be raised, only set lower.
_CONTAINERS_CONF = """\
[containers]
default_ulimits = ["nofile=20000:20000", "nproc=20000:20000"]
[engine]
runtime = "runc"
"""


# chroot: a build needs no more privilege than writing files as root.
_BUILD = {
    "podman": ("buildah", "build", "--quiet", "--isolation=chroot"),
    "docker": ("docker", "build", "--quiet"),
}


def containers_conf(cache: Path) -> Path:
    """Write podman's settings for the node and return their path, for `CONTAINERS_CONF`."""
    path = cache / "containers.conf"
    write_whole(path, _CONTAINERS_CONF)
    return path


@dataclass(slots=True)
class Store:
    """Images by name. What this process built or removed is known without asking again.

    Attributes:
        shell: Runs the engine.
        engine: `podman`, with buildah to build, or `docker`.
    """

    shell: Shell
    engine: str = "podman"
    _known: set[str] | None = field(default=None, init=False)

    def names(self) -> set[str]:
        """All names in the store, with tags."""
        if self._known is None:
            words = [self.engine, "images", "--format", "{{.Repository}}:{{.Tag}}"]
            self._known = set(self.shell.output(words).split())
        return self._known

    def import_debian(self, name: str, *, packages: Sequence[str], log: str) -> None:
        """Make a Debian root file system with `packages` straight into an image: no archive on the disk."""
        self.shell.pipe(
            ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(packages)}", "bookworm", "-"],
            ["podman", "import", "--quiet", "-", name],
            log=log,
        )
        self.names().add(name)

    def build(
        self,
        name: str,
        *,
        containerfile: Path,
        context: Path,
        contexts: Mapping[str, Path] | None = None,
        arguments: Mapping[str, str] | None = None,
        options: Sequence[str] = (),
        log: str,
    ) -> None:
        """Build an image from a Containerfile.

        Args:
            name: Name with tag.
            containerfile: The recipe.
            context: The directory that COPY refers to.
            contexts: Further directories, for `COPY --from=<name>`.
            arguments: Build arguments.
            options: Further options of the build command.
            log: Name of the log.
        """
        words: list[str | Path] = [*_BUILD[self.engine], "--network=host"]
        words += [f"--build-context={key}={path}" for key, path in (contexts or {}).items()]
        words += [f"--build-arg={key}={value}" for key, value in (arguments or {}).items()]
        self.shell.run([*words, *options, "--tag", name, "--file", containerfile, context], log=log)
        self.names().add(name)

    def size(self, name: str) -> int:
        """Bytes of an image as it is unpacked, all its layers together."""
        return int(self.shell.output([self.engine, "image", "inspect", "--format", "{{.Size}}", name]))

    def drop_others(self, name: str) -> None:
        """Remove the other tags of the repository of `name`: earlier states of the same image."""
        repository = name.rpartition(":")[0]
        others = [other for other in list(self.names()) if other.rpartition(":")[0] == repository and other != name]
        for other in others:
            # An image that a container still uses, such as the node that runs, stays until the next time.
            if self.shell.succeeds([self.engine, "image", "rm", other]):
                self.names().discard(other)

    def drop_abandoned_builds(self) -> None:
        """Remove what interrupted builds left: working containers on our own images, gigabytes of the predictor's."""
        containers = json.loads(self.shell.output(["buildah", "containers", "--json"])) or []
        if not containers:
            return
        bases = {layers[0] for name in self.names() if name.startswith(PREFIX) and (layers := self._layers(name))}
        for container in containers:
            layers = self._layers(container["imageid"])
            if layers and layers[0] in bases:
                self.shell.output(["buildah", "rm", container["id"]])

    def drop_nameless(self, title: str) -> None:
        """Remove layers that builds of the image with this title left behind and nothing uses any more."""
        label = f"label=org.opencontainers.image.title={title}"
        self.shell.output([self.engine, "image", "prune", "--force", "--filter", label])

    def _layers(self, image: str) -> list[str]:
        """The layers of an image, lowest first; none of one that has gone."""
        if not image or not self.shell.succeeds([self.engine, "image", "exists", image]):
            return []
        words = [self.engine, "image", "inspect", "--format", "{{json .RootFS.Layers}}", image]
        layers: list[str] = json.loads(self.shell.output(words))
        return layers


@dataclass(frozen=True, slots=True)
class StoredImage:
    """What a step that makes an image leaves behind; the key is part of the image's tag."""

    store: Store
    repository: str
    build: Callable[[str], None]
    tag_prefix: str = ""

    def reference(self, key: str) -> str:
        return f"{self.repository}:{self.tag_prefix}{key}"

    def exists(self, key: str) -> bool:
        return self.reference(key) in self.store.names()

    def make(self, key: str) -> None:
        self.build(self.reference(key))
        self.store.drop_others(self.reference(key))
