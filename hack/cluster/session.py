"""One run of the command: which way the images come, and the commands up, down and status."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from hack.cluster import gobuild, images, preflight
from hack.cluster.applications import add_applications
from hack.cluster.commands import Shell
from hack.cluster.containers import Store
from hack.cluster.errors import ClusterError
from hack.cluster.kind import GATEWAY_PORT, PROMETHEUS_PORT, Cluster
from hack.cluster.loading import load
from hack.cluster.nodeimage import add_node_image
from hack.cluster.paths import Paths
from hack.cluster.platform import Platform
from hack.cluster.report import ConsoleReport
from hack.cluster.steps import Plan, run_plan, write_whole

_BUILT_TOOLS = (
    *(gobuild.KIND, gobuild.HYPERKUBE, gobuild.PAUSE, gobuild.COREDNS),
    *(gobuild.CONTOUR, gobuild.KSERVE, gobuild.PROMETHEUS, gobuild.HELM),
)
_PUBLISHED_TOOLS = (gobuild.KIND, gobuild.KUBECTL, gobuild.HELM)


@dataclass(frozen=True, slots=True)
class Session:
    """The parts of one run.

    Attributes:
        paths: Where things lie.
        shell: Runs programs.
        report: Shows progress.
        built_here: Whether images are built on this machine; else they are published ones, taken by Docker.
    """

    paths: Paths
    shell: Shell
    report: ConsoleReport
    built_here: bool

    @property
    def engine(self) -> str:
        return "podman" if self.built_here else "docker"

    def up(self) -> None:
        """Bring the cluster to the state that this checkout describes; quick when it is there already.

        Raises:
            ClusterError: Anything that stopped it, in one line.
        """
        self.check()
        cluster, references = self.build()
        self._ensure(cluster)
        self._install(cluster, references)
        self._print_addresses()

    def check(self) -> None:
        """See that the machine has what is needed, and install what can be installed.

        Raises:
            UnmetNeedError: A person must mend something.
        """
        ports = () if self._node_exists() else (GATEWAY_PORT, PROMETHEUS_PORT)
        machine = preflight.inspect(cache=self.paths.cache, ports=ports, built_here=self.built_here, shell=self.shell)
        built = (self.paths.bin / gobuild.HELM.name).exists()
        preflight.demand(machine, preflight.WARM if built else preflight.COLD)
        if machine.missing_packages:
            with self.report.timed(f"install {' '.join(machine.missing_packages)}"):
                preflight.install(machine, shell=self.shell)
        if self.built_here:
            # Nothing is loaded from it, but the node's start insists on mounting it.
            Path("/lib/modules").mkdir(exist_ok=True)

    def build(self) -> tuple[Cluster, dict[str, str]]:
        """Make all programs and images that are not in the cache; returns the cluster and the platform's images."""
        plan = Plan()
        store = Store(self.shell, self.engine)
        if not self.built_here:
            gobuild.add_go_tools(plan, _PUBLISHED_TOOLS, paths=self.paths, shell=self.shell)
            references = {image.name: image.published for image in images.PLATFORM}
            node_image = images.NODE.published
        else:
            gobuild.add_go_tools(plan, _BUILT_TOOLS, paths=self.paths, shell=self.shell)
            images.add_debian(plan, *images.DEBIAN, store=store)
            images.add_wheels(plan, paths=self.paths, shell=self.shell)
            node_image = add_node_image(plan, paths=self.paths, shell=self.shell, store=store)
            references = images.add_images(plan, *images.PLATFORM, images.INSTALLER, paths=self.paths, store=store)
        self._run(plan, store=store)
        if self.built_here:
            self._link_kubectl()
        return self.cluster(node_image), references

    def images(self) -> None:
        """Build the operator's and the predictor's image if their sources changed, and load them into the node.

        Raises:
            ClusterError: A build failed, or there is no cluster to load them into.
        """
        self.check()
        plan = Plan()
        store = Store(self.shell, self.engine)
        if self.built_here:
            images.add_debian(plan, images.PYTHON.name, store=store)
            images.add_wheels(plan, paths=self.paths, shell=self.shell)
            images.add_images(plan, images.INSTALLER, paths=self.paths, store=store)
        references = add_applications(plan, paths=self.paths, store=store, built_here=self.built_here)
        self._run(plan, store=store)
        self._demand_cluster()
        for name, reference in references.items():
            self._load(name, reference)
        write_whole(self.paths.images_json, json.dumps(references, indent=2) + "\n")
        for reference in references.values():
            self.report.console.print(reference, highlight=False)

    def cluster(self, node_image: str = "") -> Cluster:
        return Cluster(shell=self.shell, paths=self.paths, engine=self.engine, node_image=node_image)

    def down(self) -> None:
        """Delete the cluster; what was built stays in the cache."""
        if not self._node_exists():
            self.report.console.print("There is no cluster.")
            return
        with self.report.timed("delete the cluster"):
            self.cluster().delete()

    def status(self) -> None:
        """Print what runs.

        Raises:
            ClusterError: The cluster is not there or does not answer.
        """
        cluster = self._demand_cluster()
        self.report.console.print(cluster.kubectl("get", "pods", "--all-namespaces"), highlight=False)
        self._print_addresses()

    def _print_addresses(self) -> None:
        lines = (
            f"Gateway     http://127.0.0.1:{GATEWAY_PORT}",
            f"Prometheus  http://127.0.0.1:{PROMETHEUS_PORT}",
            f"export KUBECONFIG={self.paths.kubeconfig} PATH={self.paths.bin}:$PATH",
        )
        self.report.console.print("\n".join(lines), highlight=False, soft_wrap=True)

    def _run(self, plan: Plan, *, store: Store) -> None:
        if self.built_here:
            store.drop_abandoned_builds()
        run_plan(plan, report=self.report, stop=self.shell.stop)

    def _ensure(self, cluster: Cluster) -> None:
        """See that the cluster is there and answers; one that answers is never made anew."""
        if cluster.exists() and not cluster.unfinished():
            if not cluster.answers():
                with self.report.timed("start the node again"):
                    cluster.start()
            if cluster.marks().get("node") != cluster.key():
                self.report.console.print("The cluster is of an earlier node image: `down`, then `up`, renews it.")
            return
        with self.report.timed("create the cluster"):
            cluster.create()

    def _install(self, cluster: Cluster, references: dict[str, str]) -> None:
        platform = Platform(cluster, images=references)
        if self.built_here:
            for image in images.PLATFORM:
                self._load(image.name, references[image.name])
        if cluster.marks().get("platform") == platform.key():
            platform.wait()
            return
        for name, action in platform.parts():
            with self.report.timed(name):
                action()
        cluster.mark("platform", platform.key())

    def _load(self, name: str, reference: str) -> None:
        cluster = self.cluster()
        if reference in cluster.node_images():
            return
        with self.report.timed(f"load image {name}"):
            load(cluster, reference)

    def _demand_cluster(self) -> Cluster:
        cluster = self.cluster()
        if not self._node_exists():
            raise ClusterError("There is no cluster: run `python -m hack.cluster up`.")
        if not cluster.running() or not cluster.answers():
            raise ClusterError("The cluster's node does not answer: run `python -m hack.cluster up`.")
        return cluster

    def _node_exists(self) -> bool:
        return shutil.which(self.engine) is not None and self.cluster().exists()

    def _link_kubectl(self) -> None:
        """The binary of all Kubernetes programs is kubectl when it is called so."""
        link = self.paths.bin / "kubectl"
        if not link.is_symlink():
            link.unlink(missing_ok=True)
            link.symlink_to(gobuild.HYPERKUBE.name)


def published_reachable(shell: Shell) -> bool:
    """Whether a Docker engine answers and can see a public registry; only then are published images taken."""
    if not shutil.which("docker") or not shell.succeeds(["docker", "info"]):
        return False
    return shell.succeeds(["docker", "manifest", "inspect", images.PYTHON.published])
