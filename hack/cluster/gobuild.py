"""Programs built from Go modules; versions and checksums are in hack/tools/<tool>/go.mod and go.sum."""

from dataclasses import dataclass
from pathlib import Path

from hack.cluster.commands import Shell
from hack.cluster.paths import Paths
from hack.cluster.steps import FileOutput, Plan, Step

KUBERNETES = "v1.35.4"
_VERSION_VARIABLE = "k8s.io/component-base/version.gitVersion"


@dataclass(frozen=True, slots=True)
class GoTool:
    """One program.

    Attributes:
        name: Of the program in the cache.
        directory: Under hack/tools/, with go.mod and go.sum.
        package: The main package; "." is the directory's own.
        variables: Linker variables, `path.name=value`.
        tags: Build tags.
    """

    name: str
    directory: str
    package: str
    variables: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


_VERSION = (f"{_VERSION_VARIABLE}={KUBERNETES}",)
_ENVIRONMENT = {"CGO_ENABLED": "0"}

KIND = GoTool("kind", "kind", "sigs.k8s.io/kind")
# kubeadm and kind compare versions, and a plain build calls itself v0.0.0.
HYPERKUBE = GoTool("kubernetes", "kubernetes", ".", _VERSION)
KUBECTL = GoTool("kubectl", "kubernetes", "k8s.io/kubernetes/cmd/kubectl", _VERSION)
PAUSE = GoTool("pause", "pause", ".")
COREDNS = GoTool("coredns", "coredns", ".")
CONTOUR = GoTool("contour", "contour", "github.com/projectcontour/contour/cmd/contour")
KSERVE = GoTool("kserve", "kserve", "github.com/kserve/kserve/cmd/manager")
# Of its two dozen service discoveries only ours: the others bring the SDK of every cloud.
_DISCOVERIES = ("remove_all_sd", "enable_kubernetes_sd")
PROMETHEUS = GoTool("prometheus", "prometheus", "github.com/prometheus/prometheus/cmd/prometheus", tags=_DISCOVERIES)
PROMTOOL = GoTool("promtool", "promtool", "github.com/prometheus/prometheus/cmd/promtool", tags=_DISCOVERIES)
HELM = GoTool("helm", "helm", "helm.sh/helm/v3/cmd/helm")


def add_go_tools(plan: Plan, tools: tuple[GoTool, ...], *, paths: Paths, shell: Shell) -> None:
    """Add the builds of `tools`, one after the other, and beside them the downloads of their modules."""
    for tool in tools:
        plan.add(_fetch(tool, paths=paths, shell=shell))
    for tool in tools:
        plan.add(_build(tool, paths=paths, shell=shell))


def add_kubectl(plan: Plan, *, paths: Paths) -> None:
    """Add the link by which the program of all Kubernetes programs is kubectl."""
    link = FileOutput(paths.bin / KUBECTL.name, lambda part: part.symlink_to(HYPERKUBE.name))
    plan.add(Step("link kubectl", "debian", (), link, (f"build {HYPERKUBE.name}",)))


def module_dir(module: str, *, directory: Path, shell: Shell) -> Path:
    """Where Go keeps a module that hack/tools/ pins, downloaded and checked against go.sum.

    Args:
        module: Its path.
        directory: The directory with the go.mod that requires it.
        shell: Runs go.
    """
    shell.output(["go", "mod", "download", module], cwd=directory)
    return Path(shell.output(["go", "list", "-m", "-f", "{{.Dir}}", module], cwd=directory).strip())


def _fetch(tool: GoTool, *, paths: Paths, shell: Shell) -> Step:
    """Downloads what the build will ask for, ahead of it: the compiler then never waits for the network."""
    source = paths.tools / tool.directory
    words = ["go", "list", "-deps", *_tags(tool), tool.package]

    def fetch(part: Path) -> None:
        shell.run(words, log=f"fetch-{tool.name}", cwd=source, env=_ENVIRONMENT)
        part.write_text("the modules are in Go's own cache\n")

    output = FileOutput(paths.cache / "fetched" / tool.name, fetch)
    return Step(f"fetch {tool.name}", "fetch", (source, *words), output)


def _build(tool: GoTool, *, paths: Paths, shell: Shell) -> Step:
    source = paths.tools / tool.directory
    linker = ["-s", "-w", *(word for variable in tool.variables for word in ("-X", variable))]
    words = ["go", "build", "-mod=readonly", "-trimpath", *_tags(tool), "-ldflags", " ".join(linker)]

    def build(part: Path) -> None:
        # The cluster starts beside the compiler, and it is the compiler that can wait.
        shell.run(["nice", *words, "-o", part, tool.package], log=f"build-{tool.name}", cwd=source, env=_ENVIRONMENT)

    output = FileOutput(paths.bin / tool.name, build)
    return Step(f"build {tool.name}", "compile", (source, *words, tool.package), output)


def _tags(tool: GoTool) -> list[str]:
    return ["-tags", ",".join(tool.tags)] if tool.tags else []
