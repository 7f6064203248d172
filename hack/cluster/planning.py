"""What `up` and `images` consist of: which steps, in which lanes, from which source.

The lanes: `fetch` downloads modules, `compile` keeps all cores busy, `debian` makes images and starts the cluster as
soon as its node image is there, and `applications` builds and loads our own two images meanwhile.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from hack.cluster import gobuild, images
from hack.cluster.applications import NAMES, add_applications
from hack.cluster.commands import Shell
from hack.cluster.containers import Store
from hack.cluster.kind import Cluster, RunningCluster
from hack.cluster.loading import LoadedImage
from hack.cluster.nodeimage import add_node_image
from hack.cluster.paths import Paths
from hack.cluster.steps import Plan, Step

_BUILT_TOOLS = (
    *(gobuild.KIND, gobuild.HYPERKUBE, gobuild.PAUSE, gobuild.COREDNS),
    *(gobuild.CONTOUR, gobuild.KSERVE, gobuild.PROMETHEUS, gobuild.HELM),
)
_PUBLISHED_TOOLS = (gobuild.KIND, gobuild.KUBECTL, gobuild.HELM)
_CLUSTER_STEP = "start the cluster"


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan, and what will be there when it is done.

    Attributes:
        plan: The steps.
        cluster: The cluster that they start or load into.
        platform: References of the platform's images by their name in the table.
        applications: References of our own images.
    """

    plan: Plan
    cluster: Cluster
    platform: dict[str, str]
    applications: dict[str, str]


@dataclass(frozen=True, slots=True)
class Planner:
    """Makes plans for one source of images.

    Attributes:
        paths: Where things lie.
        shell: Runs programs.
        store: The engine's images.
        built_here: Whether images are built here; else they are published ones.
    """

    paths: Paths
    shell: Shell
    store: Store
    built_here: bool

    def up(self) -> Planned:
        """Everything, from nothing."""
        return self._built() if self.built_here else self._published()

    def images(self) -> Planned:
        """Our own images alone, for a cluster that runs."""
        plan, cluster = self._base(), self.cluster()
        return Planned(plan, cluster, platform={}, applications=self._applications(plan, cluster, needs=()))

    def operator_of(self, checkout: Path) -> Planned:
        """The operator of another checkout, for a cluster that runs: beside our own, under another name."""
        plan, cluster = self._base(), self.cluster()
        references = add_applications(
            plan,
            paths=replace(self.paths, checkout=checkout),
            store=self.store,
            built_here=self.built_here,
            names=("operator",),
            beside="-of-another-checkout",
        )
        for name, reference in references.items():
            self._add_load(plan, name, LoadedImage(cluster, reference), lane="applications", needs=())
        return Planned(plan, cluster, platform={}, applications=references)

    def _base(self) -> Plan:
        """What our own images are built on."""
        plan = Plan()
        if self.built_here:
            images.add_debian(plan, images.PYTHON.name, store=self.store)
            images.add_wheels(plan, paths=self.paths, shell=self.shell)
            images.add_images(plan, images.INSTALLER, paths=self.paths, store=self.store)
        return plan

    def cluster(self, node_image: str = "") -> Cluster:
        return Cluster(shell=self.shell, paths=self.paths, engine=self.store.engine, node_image=node_image)

    def _built(self) -> Planned:
        plan = Plan()
        gobuild.add_go_tools(plan, _BUILT_TOOLS, paths=self.paths, shell=self.shell)
        # First what the applications wait for, then what the node waits for.
        images.add_debian(plan, *images.DEBIAN, store=self.store)
        images.add_wheels(plan, paths=self.paths, shell=self.shell)
        images.add_images(plan, images.INSTALLER, paths=self.paths, store=self.store)
        gobuild.add_kubectl(plan, paths=self.paths)
        node_image = add_node_image(plan, paths=self.paths, shell=self.shell, store=self.store)
        cluster = self.cluster(node_image)
        plan.add(Step(_CLUSTER_STEP, "debian", (), RunningCluster(cluster), ("image node", "link kubectl")))
        platform = images.add_images(plan, *images.PLATFORM, paths=self.paths, store=self.store)
        for name, reference in platform.items():
            self._add_load(plan, name, LoadedImage(cluster, reference), lane="debian", needs=(_CLUSTER_STEP,))
        applications = self._applications(plan, cluster, needs=(_CLUSTER_STEP,))
        return Planned(plan, cluster, platform, applications)

    def _published(self) -> Planned:
        plan = Plan()
        gobuild.add_go_tools(plan, _PUBLISHED_TOOLS, paths=self.paths, shell=self.shell)
        cluster = self.cluster(images.NODE.published)
        needs = tuple(f"build {tool.name}" for tool in _PUBLISHED_TOOLS)
        plan.add(Step(_CLUSTER_STEP, "debian", (), RunningCluster(cluster), needs))
        platform = {image.name: image.published for image in images.PLATFORM}
        return Planned(plan, cluster, platform, self._applications(plan, cluster, needs=(_CLUSTER_STEP,)))

    def _applications(self, plan: Plan, cluster: Cluster, *, needs: tuple[str, ...]) -> dict[str, str]:
        references = add_applications(plan, paths=self.paths, store=self.store, built_here=self.built_here)
        for name in NAMES:
            self._add_load(plan, name, LoadedImage(cluster, references[name]), lane="applications", needs=needs)
        return references

    def _add_load(self, plan: Plan, name: str, output: LoadedImage, *, lane: str, needs: tuple[str, ...]) -> None:
        plan.add(Step(f"load {name}", lane, (output.reference,), output, (f"image {name}", *needs)))
