"""A namespace in which somebody uses KServe without Sluice's operator: InferenceServices of their own making."""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from hack.chart import runtimes
from hack.cluster.applications import built_tags
from hack.demo.kube import Cluster, tool

GATEWAY = {"name": "contour", "namespace": "projectcontour"}
_READY_WITHIN = "240s"


def runtime(kind: str) -> dict[str, Any]:
    """The runtime that the chart installs, with the image that was built here."""
    return runtimes.manifest(kind, image=built_tags()["predictor"])


@dataclass(frozen=True, slots=True)
class PlainNamespace:
    """One namespace, with the cluster's models in it."""

    cluster: Cluster

    @property
    def name(self) -> str:
        return self.cluster.namespace

    async def serve(self, name: str, *, runtime: str, replicas: int = 1) -> None:
        """Apply an InferenceService of the reference model and wait until KServe calls it ready."""
        await self.cluster.apply(
            {
                "apiVersion": "serving.kserve.io/v1beta1",
                "kind": "InferenceService",
                "metadata": {
                    "name": name,
                    "annotations": {"serving.kserve.io/deploymentMode": "Standard"},
                    "labels": {"networking.kserve.io/visibility": "cluster-local"},
                },
                "spec": {
                    "predictor": {
                        "minReplicas": replicas,
                        "maxReplicas": replicas,
                        "model": {
                            "modelFormat": {"name": "transformers"},
                            "runtime": runtime,
                            "storageUri": "pvc://models/sms/1.0.0",
                            "resources": {"requests": {"cpu": "50m", "memory": "256Mi"}},
                        },
                    }
                },
            }
        )
        await self.cluster.kubectl(
            "wait", "--for=condition=Ready", f"inferenceservice/{name}", f"--timeout={_READY_WITHIN}"
        )
        # KServe's word is about the first pod; its autoscaler starts the others.
        await self._wait_for(name, f"{{.status.readyReplicas}}={replicas}")

    async def restart(self, name: str) -> None:
        """Replace all pods of a service, one after the other, and wait until that is done."""
        # What KServe passes on to the pods; it would undo what is written into its Deployment.
        patch = {"spec": {"predictor": {"annotations": {"restarted": "once"}}}}
        await self.cluster.kubectl("patch", "inferenceservice", name, "--type=merge", f"--patch={json.dumps(patch)}")
        await self._wait_for(name, "{.spec.template.metadata.annotations.restarted}=once")
        deployment = f"deployment/{name}-predictor"
        await self.cluster.kubectl("rollout", "status", deployment, f"--timeout={_READY_WITHIN}")

    async def _wait_for(self, name: str, path_and_value: str) -> None:
        """Wait until a field of the service's Deployment has a value."""
        condition = f"--for=jsonpath={path_and_value}"
        deployment = f"deployment/{name}-predictor"
        await self.cluster.kubectl("wait", deployment, condition, f"--timeout={_READY_WITHIN}")

    async def pods(self, name: str) -> dict[str, str]:
        """The service's pods that are not on their way out: image by name."""
        selector = f"--selector=serving.kserve.io/inferenceservice={name}"
        found = json.loads(await self.cluster.kubectl("get", "pods", selector, "-o", "json"))
        return {
            pod["metadata"]["name"]: pod["spec"]["containers"][0]["image"]
            for pod in found["items"]
            if "deletionTimestamp" not in pod["metadata"]
        }

    async def publish(self, name: str, *, hostname: str) -> None:
        """Let the Gateway send everything for a host name to a service."""
        await self.cluster.apply(
            {
                "apiVersion": "gateway.networking.k8s.io/v1",
                "kind": "HTTPRoute",
                "metadata": {"name": name},
                "spec": {
                    "parentRefs": [GATEWAY],
                    "hostnames": [hostname],
                    "rules": [{"backendRefs": [{"name": f"{name}-predictor", "port": 80}]}],
                },
            }
        )

    @contextlib.asynccontextmanager
    async def forward(self, name: str, port: int) -> AsyncIterator[str]:
        """Reach a port of the service's Deployment: `127.0.0.1:<port>`, from this machine."""
        process = await asyncio.create_subprocess_exec(
            *(tool("kubectl"), f"--kubeconfig={self.cluster.kubeconfig}", f"--namespace={self.name}"),
            *("port-forward", f"deployment/{name}-predictor", f":{port}"),
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        try:
            line = (await process.stdout.readline()).decode()
            found = re.search(r"127\.0\.0\.1:\d+", line)
            assert found, f"kubectl port-forward says {line!r}"
            yield found[0]
        finally:
            with contextlib.suppress(ProcessLookupError):  # it ends by itself when the pod refuses
                process.terminate()
            await process.wait()


@contextlib.asynccontextmanager
async def plain_namespace(installed: Cluster, name: str) -> AsyncIterator[PlainNamespace]:
    """Make a namespace that can read the models; nothing of it is left afterwards."""
    volume = f"{name}-models"
    capacity = {"storage": "10Gi"}
    claim = {"accessModes": ["ReadOnlyMany"], "storageClassName": ""}
    manifests: list[Mapping[str, Any]] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}},
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": volume},
            "spec": {
                **claim,
                "capacity": capacity,
                "hostPath": {"path": "/models", "type": "Directory"},
                "claimRef": {"namespace": name, "name": "models"},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "models", "namespace": name},
            "spec": {**claim, "volumeName": volume, "resources": {"requests": capacity}},
        },
    ]
    cluster = Cluster(installed.kubeconfig, name)
    try:
        for manifest in manifests:
            await cluster.apply(manifest)
        yield PlainNamespace(cluster)
    finally:
        await installed.kubectl("delete", "namespace", name, "--ignore-not-found")
        await installed.kubectl("delete", "persistentvolume", volume, "--ignore-not-found")
