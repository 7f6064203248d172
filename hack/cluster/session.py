"""The commands: up, down, status and images."""

import contextlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from hack.cluster import gobuild, images, preflight
from hack.cluster.commands import Shell
from hack.cluster.containers import Store, containers_conf
from hack.cluster.errors import ClusterError
from hack.cluster.kind import GATEWAY_PORT, PROMETHEUS_PORT, Cluster
from hack.cluster.paths import Paths
from hack.cluster.planning import Planned, Planner
from hack.cluster.platform import Platform
from hack.cluster.report import ConsoleReport
from hack.cluster.steps import run_plan, write_whole


@dataclass(frozen=True, slots=True)
class Session:
    """One run of the command.

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

    def up(self) -> None:
        """Bring the cluster to the state that this checkout describes; quick when it is there already.

        Raises:
            ClusterError: Anything that stopped it, in one line.
        """
        self._check()
        planned = self._planner.up()
        self._run(planned)
        cluster = planned.cluster
        if cluster.marks().get("node") != cluster.key():
            self.report.console.print("The cluster is of an earlier node image: `down`, then `up`, renews it.")
        self._install(Platform(cluster, images=planned.platform))
        self._print_addresses()

    def images(self) -> None:
        """Build the operator's and the predictor's image if their sources changed, and load them into the node.

        Raises:
            ClusterError: A build failed, or there is no cluster to load them into.
        """
        self._check()
        self._demand_cluster()
        planned = self._planner.images()
        self._run(planned)
        megabytes = {
            name: round(self._planner.store.size(reference) / 1e6) for name, reference in planned.applications.items()
        }
        for name, reference in planned.applications.items():
            self.report.console.print(f"{reference}  {megabytes[name]} MB", highlight=False)
        figures = {"image_mb": megabytes["predictor"]}
        write_whole(self.paths.image_figures, json.dumps({"figures": figures}) + "\n")

    def operator_of(self, checkout: Path) -> str:
        """Build the operator of another checkout and load it into the node, beside our own; returns its reference.

        Raises:
            ClusterError: The build failed.
        """
        planned = self._planner.operator_of(checkout)
        run_plan(planned.plan, report=self.report, stop=self.shell.stop)
        return planned.applications["operator"]

    def down(self) -> None:
        """Delete the cluster; what was built stays in the cache."""
        if not self._node_exists():
            self.report.console.print("There is no cluster.")
            return
        with self.report.timed("delete the cluster"):
            self._planner.cluster().delete()

    def status(self) -> None:
        """Print what runs.

        Raises:
            ClusterError: The cluster is not there or does not answer.
        """
        cluster = self._demand_cluster()
        self.report.console.print(cluster.kubectl("get", "pods", "--all-namespaces"), highlight=False)
        self._print_addresses()

    @property
    def _planner(self) -> Planner:
        store = Store(self.shell, "podman" if self.built_here else "docker")
        return Planner(self.paths, self.shell, store, built_here=self.built_here)

    def _check(self) -> None:
        """See that the machine has what is needed, and install what can be installed."""
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

    def _run(self, planned: Planned) -> None:
        if self.built_here:
            self._planner.store.drop_abandoned_builds()
        run_plan(planned.plan, report=self.report, stop=self.shell.stop)
        write_whole(self.paths.images_json, json.dumps(planned.applications, indent=2) + "\n")

    def _install(self, platform: Platform) -> None:
        if platform.is_installed():
            platform.wait()
            return
        for name, action in platform.parts():
            with self.report.timed(name):
                action()
        platform.mark()

    def _demand_cluster(self) -> Cluster:
        cluster = self._planner.cluster()
        if not self._node_exists():
            raise ClusterError("There is no cluster: run `python -m hack.cluster up`.")
        if not cluster.answers():
            raise ClusterError("The cluster does not answer: run `python -m hack.cluster up`.")
        return cluster

    def _node_exists(self) -> bool:
        planner = self._planner
        return shutil.which(planner.store.engine) is not None and planner.cluster().exists()

    def _print_addresses(self) -> None:
        lines = (
            f"Gateway     http://127.0.0.1:{GATEWAY_PORT}",
            f"Prometheus  http://127.0.0.1:{PROMETHEUS_PORT}",
            f"export KUBECONFIG={self.paths.kubeconfig} PATH={self.paths.bin}:$PATH",
        )
        self.report.console.print("\n".join(lines), highlight=False, soft_wrap=True)


@contextlib.contextmanager
def opened(paths: Paths, console: Console) -> Iterator[Session]:
    """A session with the engine that this machine has; what it still runs when the block ends is ended."""
    env = {"CONTAINERS_CONF": str(containers_conf(paths.cache)), "KIND_EXPERIMENTAL_PROVIDER": "podman"}
    shell = Shell(logs=paths.logs, needed_gib=preflight.COLD.disk_gib, env=env)
    built_here = not published_reachable(shell)
    if not built_here:
        shell = Shell(logs=paths.logs, needed_gib=preflight.COLD.disk_gib)
    try:
        with ConsoleReport(console) as report:
            yield Session(paths=paths, shell=shell, report=report, built_here=built_here)
    finally:
        shell.stop()


def published_reachable(shell: Shell) -> bool:
    """Whether a Docker engine answers and can see a public registry; only then are published images taken."""
    if not shutil.which("docker") or not shell.succeeds(["docker", "info"]):
        return False
    return shell.succeeds(["docker", "manifest", "inspect", images.PYTHON.published])
