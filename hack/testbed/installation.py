"""What a control plane needs before the operator can run on it: the program itself, kinds, and the operator's rights.

Nothing is fetched that the cluster's own build does not fetch: KServe's and the Gateway API's kinds come from the Go
modules that hack/tools pins, the rights from our chart.
"""

import asyncio
import json
from pathlib import Path

import yaml
from rich.console import Console

from hack.cluster import gobuild
from hack.cluster.commands import Shell
from hack.cluster.paths import Paths
from hack.cluster.report import ConsoleReport
from hack.cluster.steps import Plan, run_plan
from hack.testbed.client import CRDS, NAMESPACES, Client, Kind, Object, RefusedError
from hack.testbed.controlplane import RELEASE_NAMESPACE

_GROUP = ("rbac.authorization.k8s.io", "v1")
_RIGHTS = (
    Kind(*_GROUP, "clusterroles", "ClusterRole", namespaced=False),
    Kind(*_GROUP, "clusterrolebindings", "ClusterRoleBinding", namespaced=False),
    Kind(*_GROUP, "roles", "Role"),
    Kind(*_GROUP, "rolebindings", "RoleBinding"),
)
_SERVED_SECONDS = 30.0
_POLL_SECONDS = 0.05


def built(paths: Paths) -> Path:
    """The program that is etcd and kube-apiserver; it and Helm are built if they are not there."""
    shell = Shell(logs=paths.logs)
    plan = Plan()
    gobuild.add_go_tools(plan, (gobuild.HYPERKUBE, gobuild.HELM), paths=paths, shell=shell)
    try:
        with ConsoleReport(Console(stderr=True)) as report:
            run_plan(plan, report=report, stop=shell.stop)
    finally:
        shell.stop()
    return paths.bin / gobuild.HYPERKUBE.name


async def install(client: Client, paths: Paths) -> None:
    """Make every kind that the operator reads or writes, and give its account the rights of the chart."""
    await client.create(NAMESPACES, {"metadata": {"name": RELEASE_NAMESPACE}})
    for crd in (*_ours(paths), *_theirs(paths)):
        await client.create(CRDS, crd)
        await _until_served(client, crd)
    await give_rights(client, rendered_chart(paths))


async def give_rights(client: Client, chart: list[Object]) -> None:
    """Make the roles and bindings of a rendered chart; its namespaces must be there."""
    for kind in _RIGHTS:
        for document in chart:
            if document["kind"] == kind.kind:
                await client.create(kind, document, namespace=document["metadata"].get("namespace", ""))


def rendered_chart(paths: Paths, *, namespace: str = RELEASE_NAMESPACE, **values: object) -> list[Object]:
    """All that our chart installs, with its default values but for these."""
    words: list[str | Path] = [paths.bin / "helm", "template", "sluice", paths.checkout / "helm" / "sluice"]
    options = ["--namespace", namespace, "--kube-version", gobuild.KUBERNETES]
    options += [f"--set-json={name}={json.dumps(value)}" for name, value in values.items()]
    return _documents(Shell(logs=paths.logs).output([*words, *options]))


def _ours(paths: Paths) -> list[Object]:
    files = sorted((paths.checkout / "manifests" / "crds").glob("*.yaml"))
    return [document for file in files for document in _documents(file.read_text())]


def _theirs(paths: Paths) -> list[Object]:
    """KServe's InferenceService and the Gateway API's HTTPRoute, as the cluster has them."""
    shell = Shell(logs=paths.logs)
    kserve = gobuild.module_dir("github.com/kserve/kserve", directory=paths.tools / "kserve", shell=shell)
    service = kserve / "charts" / "kserve-crd" / "templates" / "serving.kserve.io_inferenceservices.yaml"
    contour = gobuild.module_dir("github.com/projectcontour/contour", directory=paths.tools / "contour", shell=shell)
    # Of the dozen kinds in this file only the one: reading all of them takes seconds.
    kinds = (contour / "examples" / "gateway" / "00-crds.yaml").read_text().split("\n---\n")
    (route,) = (text for text in kinds if "\n  name: httproutes.gateway.networking.k8s.io\n" in text)
    return [*_documents(service.read_text()), *_documents(route)]


async def _until_served(client: Client, crd: Object) -> None:
    names, version = crd["spec"]["names"], crd["spec"]["versions"][0]["name"]
    namespaced = crd["spec"]["scope"] == "Namespaced"
    kind = Kind(crd["spec"]["group"], version, names["plural"], names["kind"], namespaced)
    async with asyncio.timeout(_SERVED_SECONDS):
        while True:
            try:
                await client.items(kind)
            except RefusedError:
                await asyncio.sleep(_POLL_SECONDS)
            else:
                return


def _documents(text: str) -> list[Object]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return [document for document in yaml.load_all(text, Loader=loader) if document]
