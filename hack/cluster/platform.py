"""What the cluster runs for Sluice: Contour with the Gateway API, KServe from its own chart, Prometheus, the models."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from hack.cluster.certificates import self_signed
from hack.cluster.commands import Shell
from hack.cluster.gobuild import module_dir
from hack.cluster.kind import Cluster
from hack.cluster.paths import Paths
from hack.cluster.steps import fingerprint

Document = dict[str, Any]

_MARK = "platform"
_KSERVE_SECRET = "kserve-webhook-server-cert"  # noqa: S105 - the name of a Secret, not one
_WEBHOOK_HOST = "kserve-webhook-server-service.kserve.svc"
_WORKLOADS = (
    ("kserve", "deployment/kserve-controller-manager"),
    ("projectcontour", "deployment/contour"),
    ("projectcontour", "daemonset/envoy"),
    ("monitoring", "deployment/prometheus"),
)
_READY = "--timeout=240s"


class Platform:
    """Installs the platform, and knows from a mark in the cluster whether it is installed as it should be.

    Args:
        cluster: A running cluster.
        images: The image of each name in the table of images.
    """

    def __init__(self, cluster: Cluster, *, images: Mapping[str, str]) -> None:
        self._cluster = cluster
        self._images = images
        self._paths: Paths = cluster.paths
        self._shell: Shell = cluster.shell

    def is_installed(self) -> bool:
        """Whether the cluster notes that just this platform was installed in it."""
        return self._cluster.marks().get(_MARK) == self._key()

    def mark(self) -> None:
        """Note in the cluster that this platform is installed."""
        self._cluster.mark(_MARK, self._key())

    def _key(self) -> str:
        """Covers all that decides what is installed."""
        tools = (self._paths.tools / name / "go.mod" for name in ("kserve", "contour"))
        here = Path(__file__)
        code = (here, here.with_name("certificates.py"))
        return fingerprint([self._paths.manifests, *tools, *code, json.dumps(dict(self._images), sort_keys=True)])

    def parts(self) -> list[tuple[str, Callable[[], None]]]:
        """Names and actions, in order, each of which may be repeated at any time."""
        return [
            ("Contour and the Gateway API", self._install_contour),
            ("KServe", self._install_kserve),
            ("Prometheus and storage", self._install_rest),
            ("everything ready", self.wait),
        ]

    def wait(self) -> None:
        """Wait until every workload of the platform is ready.

        Raises:
            ClusterError: One was not, in time; the message names it.
        """
        for namespace, workload in _WORKLOADS:
            self._cluster.kubectl("rollout", "status", "-n", namespace, workload, _READY)
        ready = ("wait", "-n", "projectcontour", "gateway/contour", "--for=condition=Programmed", _READY)
        self._cluster.kubectl(*ready)

    def _install_contour(self) -> None:
        module = "github.com/projectcontour/contour"
        examples = module_dir(module, directory=self._paths.tools / "contour", shell=self._shell) / "examples"
        files = [*sorted((examples / "contour").glob("*.yaml")), examples / "gateway" / "00-crds.yaml"]
        # The last ConfigMap of the name replaces the example's own: it ties Contour to the Gateway.
        files.append(examples / "gateway" / "03-contour-config.yaml")
        documents = _last_of_each([document for file in files for document in _load(file)])
        self._apply([self._contour(document) for document in documents])
        self._apply(_load(self._paths.manifests / "gateway.yaml"))

    def _contour(self, document: Document) -> Document:
        if document["kind"] == "Deployment":
            document["spec"]["replicas"] = 1
        if document["kind"] == "Job":
            # A Job cannot be changed; one that has gone can be made again from a newer image.
            document["spec"]["ttlSecondsAfterFinished"] = 0
        if document["kind"] == "Service" and document["metadata"]["name"] == "envoy":
            # No load balancer here: Envoy has the node's port 80.
            document["spec"] |= {"type": "ClusterIP"}
            del document["spec"]["externalTrafficPolicy"]
        for container in _containers(document):
            container["image"] = self._images["envoy" if "/envoy:" in container["image"] else "contour"]
        return document

    def _install_kserve(self) -> None:
        module = "github.com/kserve/kserve"
        charts = module_dir(module, directory=self._paths.tools / "kserve", shell=self._shell) / "charts"
        values = self._paths.manifests / "kserve-values.yaml"
        self._apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kserve"}}])
        self._apply(self._rendered("kserve-crd", charts / "kserve-crd"))
        secret = self._webhook_secret()
        authority = secret["data"]["ca.crt"]
        rendered = self._rendered("kserve", charts / "kserve-resources", "--values", str(values))
        kept = [document for document in rendered if not document["apiVersion"].startswith("cert-manager.io/")]
        # Its webhooks answer only once the manager runs, so what they check comes after.
        checked = [document for document in kept if document["apiVersion"].startswith("serving.kserve.io/")]
        first = [document for document in kept if document not in checked]
        self._apply([secret, *(self._kserve(document, authority=authority) for document in first)])
        self._cluster.kubectl("rollout", "status", "-n", "kserve", "deployment/kserve-controller-manager", _READY)
        self._apply(checked)

    def _kserve(self, document: Document, *, authority: str) -> Document:
        """Our image, no proxy, and our own certificate where cert-manager's would be injected."""
        if document["kind"] == "Deployment":
            pod = document["spec"]["template"]["spec"]
            pod["containers"] = [item for item in pod["containers"] if item["name"] == "manager"]
            (manager,) = pod["containers"]
            manager["image"] = self._images["kserve"]
            # A throttled manager makes its webhooks slow, and whoever creates an InferenceService waits for them.
            manager["resources"] = {"requests": {"cpu": "50m", "memory": "100Mi"}}
            manager["readinessProbe"] |= {"initialDelaySeconds": 1, "periodSeconds": 1}
        for webhook in document.get("webhooks", []):
            webhook["clientConfig"]["caBundle"] = authority
        return document

    def _rendered(self, name: str, chart: Path, *options: str) -> list[Document]:
        helm = self._paths.bin / "helm"
        text = self._shell.output([helm, "template", name, chart, "--namespace", "kserve", *options])
        return [document for document in yaml.safe_load_all(text) if document]

    def _webhook_secret(self) -> Document:
        """The Secret with the webhooks' certificate: the one in the cluster, or a new one."""
        words = ("get", "secret", "-n", "kserve", _KSERVE_SECRET, "--ignore-not-found", "-o", "json")
        found = self._cluster.kubectl(*words)
        data = json.loads(found)["data"] if found.strip() else self_signed(_WEBHOOK_HOST)
        metadata = {"name": _KSERVE_SECRET, "namespace": "kserve"}
        return {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls", "metadata": metadata, "data": data}

    def _install_rest(self) -> None:
        documents = _load(self._paths.manifests / "prometheus.yaml")
        for document in documents:
            for container in _containers(document):
                container["image"] = self._images["prometheus"]
        volumes = [
            document for name in ("models", "ledger") for document in _load(self._paths.manifests / f"{name}.yaml")
        ]
        self._apply([*documents, *volumes])

    def _apply(self, documents: list[Document]) -> None:
        self._cluster.apply(documents, log="platform")


def _load(file: Path) -> list[Document]:
    return [document for document in yaml.safe_load_all(file.read_text()) if document]


def _last_of_each(documents: list[Document]) -> list[Document]:
    """Drop all but the last document of a kind and name, at the place of the first."""
    found = {(document["kind"], document["metadata"]["name"]): document for document in documents}
    return list(found.values())


def _containers(document: Document) -> list[Document]:
    pod = document.get("spec", {}).get("template", {}).get("spec", {})
    return [*pod.get("initContainers", []), *pod.get("containers", [])]
