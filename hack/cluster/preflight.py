"""What the machine must have before anything is started: each lack is one line that says what to do."""

import os
import re
import shutil
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hack.cluster.commands import Shell
from hack.cluster.errors import UnmetNeedError, free_gib

GO_AT_LEAST = (1, 26)

# Debian package of each program that is run; a package may bring several.
DEBIAN_PACKAGES: Mapping[str, str] = {
    "podman": "podman",
    "buildah": "buildah",
    "runc": "runc",
    "mmdebstrap": "mmdebstrap",
    "iptables": "iptables",
    "git": "git",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
    "/usr/share/keyrings/debian-archive-keyring.gpg": "debian-archive-keyring",
    "/etc/ssl/certs/ca-certificates.crt": "ca-certificates",
}
CONTAINER_STORE = Path("/var/lib/containers")


@dataclass(frozen=True, slots=True)
class Need:
    """What a run takes of the machine, in GiB that are free before it."""

    disk_gib: float
    memory_gib: float


COLD = Need(disk_gib=35, memory_gib=6)
"""Everything is still to be built."""
WARM = Need(disk_gib=3, memory_gib=1)
"""Only what changed is built, and the cluster may hold its memory already."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What was found.

    Attributes:
        is_root: Whether we may make file systems and start the node.
        missing_packages: Debian packages that are not installed.
        can_install: Whether apt-get is there to install them.
        go: What `go env GOVERSION` says, or nothing without Go.
        memory_gib: Memory that could be used now.
        disk_gib: Free space by the directory it was asked for.
        taken_ports: Ports of the cluster that another program listens on.
    """

    is_root: bool
    missing_packages: tuple[str, ...]
    can_install: bool
    go: str | None
    memory_gib: float
    disk_gib: Mapping[Path, float]
    taken_ports: tuple[int, ...]


def problems(machine: Machine, need: Need) -> list[str]:
    """All that must be mended by a person, a line each; what apt-get can install is not among it."""
    found = []
    if not machine.is_root:
        found.append("Root is needed to build file systems and to start the node: run the command with sudo -E.")
    if machine.missing_packages and not (machine.is_root and machine.can_install):
        found.append(f"Not installed: apt-get install {' '.join(machine.missing_packages)}")
    if machine.go is None:
        found.append(f"Go is not installed: Go {_dotted(GO_AT_LEAST)} or newer is needed, see https://go.dev/dl.")
    elif _version(machine.go) < GO_AT_LEAST:
        found.append(f"{machine.go} is too old: Go {_dotted(GO_AT_LEAST)} or newer is needed.")
    if machine.memory_gib < need.memory_gib:
        have = f"{machine.memory_gib:.1f} GiB are available"
        found.append(f"Too little memory: {have}, {need.memory_gib:.0f} are needed.")
    found += [
        f"Too little disk at {path}: {free:.1f} GiB are free, {need.disk_gib:.0f} are needed."
        for path, free in machine.disk_gib.items()
        if free < need.disk_gib
    ]
    found += [
        f"Port {port} of 127.0.0.1 is taken: stop the program that listens on it." for port in machine.taken_ports
    ]
    return found


def inspect(*, cache: Path, ports: Iterable[int], built_here: bool, shell: Shell) -> Machine:
    """Look at this machine.

    Args:
        cache: Where builds are kept.
        ports: Ports that must be free; none when the cluster itself holds them.
        built_here: Whether images are built here; else a Docker engine does the privileged work.
        shell: Runs go.
    """
    packages = {package: None for program, package in DEBIAN_PACKAGES.items() if built_here and not _has(program)}
    directories = (cache, CONTAINER_STORE) if built_here else (cache,)
    return Machine(
        is_root=os.geteuid() == 0 or not built_here,
        missing_packages=tuple(packages),
        can_install=shutil.which("apt-get") is not None,
        go=shell.output(["go", "env", "GOVERSION"]).strip() if shutil.which("go") else None,
        memory_gib=_memory_gib(Path("/proc/meminfo").read_text()),
        disk_gib={directory: free_gib(directory) for directory in directories},
        taken_ports=tuple(port for port in ports if _taken(port)),
    )


def demand(machine: Machine, need: Need) -> None:
    """Go on only with all that is needed.

    Raises:
        UnmetNeedError: Something is missing; the message has a line for each.
    """
    if found := problems(machine, need):
        raise UnmetNeedError("\n".join(found))


def install(machine: Machine, *, shell: Shell) -> None:
    """Install missing Debian packages.

    Raises:
        ClusterError: apt-get failed.
    """
    install_packages(machine.missing_packages, shell=shell)


def install_packages(packages: Sequence[str], *, shell: Shell) -> None:
    """Install Debian packages, without what they only recommend.

    Raises:
        ClusterError: apt-get failed.
    """
    env = {"DEBIAN_FRONTEND": "noninteractive"}
    shell.run(["apt-get", "update"], log="apt", env=env)
    words = ["apt-get", "install", "--yes", "--no-install-recommends", *packages]
    shell.run(words, log="apt", env=env)


def _has(program: str) -> bool:
    return Path(program).exists() if program.startswith("/") else shutil.which(program) is not None


def _version(text: str) -> tuple[int, int]:
    match = re.match(r"go(\d+)\.(\d+)", text)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def _dotted(version: tuple[int, int]) -> str:
    return ".".join(str(part) for part in version)


def _memory_gib(meminfo: str) -> float:
    match = re.search(r"^MemAvailable:\s+(\d+) kB", meminfo, re.MULTILINE)
    return int(match[1]) / 1024**2 if match else 0.0


def _taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False
