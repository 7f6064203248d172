"""The kind cluster: one node, made once, started again after a reboot, and known by what it was made from."""

import json
import time
from dataclasses import dataclass
from pathlib import Path

import yaml

from hack.cluster.commands import Shell
from hack.cluster.errors import ClusterError
from hack.cluster.paths import Paths
from hack.cluster.steps import fingerprint, write_whole

NAME = "sluice"
NODE = f"{NAME}-control-plane"
GATEWAY_PORT = 18080
PROMETHEUS_PORT = 19090
PROMETHEUS_NODE_PORT = 30090

_MARK = "sluice-cluster"
_READY_S = 180


@dataclass(frozen=True, slots=True)
class Cluster:
    """One kind cluster.

    Attributes:
        shell: Runs kind, kubectl and the container engine.
        paths: Where the tools, the models and the kubeconfig are.
        engine: `podman` or `docker`: what the node is a container of.
        node_image: Reference of the node's image.
    """

    shell: Shell
    paths: Paths
    engine: str
    node_image: str

    def config(self) -> str:
        """The kind configuration."""
        node = {
            "role": "control-plane",
            "image": self.node_image,
            "extraPortMappings": [
                {"listenAddress": "127.0.0.1", "hostPort": GATEWAY_PORT, "containerPort": 80},
                {
                    "listenAddress": "127.0.0.1",
                    "hostPort": PROMETHEUS_PORT,
                    "containerPort": PROMETHEUS_NODE_PORT,
                },
            ],
            "extraMounts": [
                {"hostPath": str(self.paths.models), "containerPath": "/models", "readOnly": True},
            ],
        }
        # A ConfigMap that changes reaches the pods that mount it within seconds, not a minute.
        kubelet: dict[str, object] = {"kind": "KubeletConfiguration", "syncFrequency": "5s"}
        config: dict[str, object] = {
            "kind": "Cluster",
            "apiVersion": "kind.x-k8s.io/v1alpha4",
            "name": NAME,
            "nodes": [node],
        }
        if self.engine == "podman":
            # Our node image has its own network plugin, and hosts with cgroup v1 are still common.
            config["networking"] = {"disableDefaultCNI": True}
            kubelet["failCgroupV1"] = False
        config["kubeadmConfigPatches"] = [yaml.safe_dump(kubelet)]
        return yaml.safe_dump(config, sort_keys=False)

    def exists(self) -> bool:
        return self.shell.succeeds([self.engine, "container", "inspect", NODE])

    def create(self) -> None:
        """Create the cluster and write its kubeconfig; a half-made one is removed first.

        Raises:
            ClusterError: kind failed; its log has the reason.
        """
        self.paths.models.mkdir(parents=True, exist_ok=True)
        self.delete()
        write_whole(self._unfinished, "")
        words = ["create", "cluster", "--name", NAME, "--config", "-", "--wait", f"{_READY_S}s"]
        self.shell.run([self._kind, *words], log="kind", stdin=self.config().encode())
        self.write_kubeconfig()
        self.mark("node", self.key())
        self._unfinished.unlink()

    def unfinished(self) -> bool:
        """Whether the last creation was cut short: what is there then is of no use."""
        return self._unfinished.exists()

    def key(self) -> str:
        """Covers what the node is made from."""
        return fingerprint([self.config()])

    def delete(self) -> None:
        self.shell.run([self._kind, "delete", "cluster", "--name", NAME], log="kind")
        self.paths.kubeconfig.unlink(missing_ok=True)
        self._unfinished.unlink(missing_ok=True)

    def start(self) -> bool:
        """Start the node if it does not run, as after a reboot, and wait for its API server.

        Returns:
            False for a node that cannot come back: its processes were killed, and the engine still calls it running.

        Raises:
            ClusterError: It did not answer in time.
        """
        self.shell.succeeds([self.engine, "start", NODE])
        if not self.shell.succeeds([self.engine, "exec", NODE, "true"]):
            return False
        self.write_kubeconfig()
        deadline = time.monotonic() + _READY_S
        while not self.answers():
            if time.monotonic() > deadline:
                raise ClusterError("The cluster does not answer: run `python -m hack.cluster down`, then `up`.")
            time.sleep(1)
        return True

    def write_kubeconfig(self) -> None:
        """Write build/kubeconfig; kind has merged the same into the user's own."""
        write_whole(self.paths.kubeconfig, self.shell.output([self._kind, "get", "kubeconfig", "--name", NAME]))
        self.paths.kubeconfig.chmod(0o600)

    def answers(self) -> bool:
        return self.paths.kubeconfig.exists() and self.shell.succeeds([*self._kubectl, "get", "--raw", "/readyz"])

    def kubectl(self, *words: str) -> str:
        """What kubectl prints for these words."""
        return self.shell.output([*self._kubectl, *words])

    def apply(self, documents: list[dict[str, object]], *, log: str) -> None:
        """Apply objects, server side; what others own of them is taken over."""
        text = yaml.safe_dump_all(documents)
        words = ["apply", "--server-side", "--force-conflicts", "--field-manager=hack-cluster", "-f", "-"]
        self.shell.run([*self._kubectl, *words], log=log, stdin=text.encode())

    def marks(self) -> dict[str, str]:
        """What the cluster was made from, as noted in it; empty for one that was never finished."""
        words = ["get", "configmap", _MARK, "-n", "kube-system", "--ignore-not-found", "-o", "json"]
        text = self.kubectl(*words)
        data: dict[str, str] = json.loads(text).get("data", {}) if text.strip() else {}
        return data

    def mark(self, key: str, value: str) -> None:
        """Note in the cluster what a part of it was made from."""
        data = {**self.marks(), key: value}
        mark = {"apiVersion": "v1", "kind": "ConfigMap", "data": data}
        self.apply([{**mark, "metadata": {"name": _MARK, "namespace": "kube-system"}}], log="kind")

    def node_images(self) -> set[str]:
        """Names of all images in the node."""
        listed = self.shell.output([self.engine, "exec", NODE, "ctr", "-n", "k8s.io", "images", "list", "-q"])
        return set(listed.split())

    @property
    def _unfinished(self) -> Path:
        return self.paths.cache / "cluster-unfinished"

    @property
    def _kind(self) -> Path:
        return self.paths.bin / "kind"

    @property
    def _kubectl(self) -> list[str | Path]:
        return [self.paths.bin / "kubectl", "--kubeconfig", self.paths.kubeconfig]


@dataclass(frozen=True, slots=True)
class RunningCluster:
    """Output of a step: the cluster, made once, started again when it does not run, and made anew when it is dead.

    Its key is not compared: a cluster holds work, and is never remade because this checkout has changed.
    """

    cluster: Cluster

    def exists(self, _key: str) -> bool:
        return self.cluster.exists() and not self.cluster.unfinished() and self.cluster.answers()

    def make(self, _key: str) -> None:
        usable = self.cluster.exists() and not self.cluster.unfinished()
        if not usable or not self.cluster.start():
            self.cluster.create()
