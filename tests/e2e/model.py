"""One model of a test on the cluster: applies versions of it, decides about them, and watches what becomes of them."""

import json
from collections.abc import Mapping
from typing import Any

from hack.demo import scene
from hack.demo.kube import INFERENCE_SERVICES, MODEL_VERSIONS, ROUTES, Cluster, Resource
from hack.demo.observe import Observer
from tests.e2e import files

USER = "kubernetes-admin"
"""Who the cluster's kubeconfig says that we are."""
ROLLOUT = scene.rollout()
"""Steps at 10 and 50 percent, and gates on errors and on slow answers, at the demo's pace."""
RESOURCES = {"requests": {"cpu": "50m", "memory": "256Mi"}}
_LONG = "1h"


def serving(trained: str, *, version: str, **predictor: Any) -> dict[str, Any]:
    """What of a version's spec makes it serve what a trained version serves."""
    source = {"storageUri": files.uri(trained, version=version)}
    return {"source": source, "predictor": {"resources": RESOURCES, **predictor}}


def steps(*weights: int) -> dict[str, Any]:
    """The demo's rollout with steps at these weights, each of which lasts until somebody ends it."""
    return {**ROLLOUT, "steps": [{"weight": weight, "hold": _LONG} for weight in weights]}


class Model:
    """One model of a test: applies versions of it, decides about them, and watches what becomes of them."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.cluster = cluster
        self.name = name
        self.observer = Observer(model=name)

    async def apply(self, version: str, /, **spec: Any) -> None:
        """Apply a version of the reference model's files; only 1.0.0 is what they say they are."""
        await self.cluster.apply(self.manifest(version, **spec))

    async def serves(self, version: str, /, **spec: Any) -> None:
        """Apply the model's first version and wait until it has all requests."""
        await self.apply(version, **spec)
        await self.reaches(version, "Stable")
        await self.has_weight(version, 100)

    def manifest(self, version: str, /, **spec: Any) -> dict[str, Any]:
        return {
            "apiVersion": "sluice.dev/v1alpha1",
            "kind": "ModelVersion",
            "metadata": {"name": self.version_name(version)},
            "spec": {
                "model": self.name,
                "version": version,
                "source": {"storageUri": "pvc://models/sms/1.0.0"},
                "predictor": {"resources": RESOURCES},
                **spec,
            },
        }

    async def change(self, version: str, /, **spec: Any) -> None:
        """Change what of a version's spec may be changed."""
        patch = json.dumps({"spec": spec})
        name = self.version_name(version)
        await self.cluster.kubectl("patch", MODEL_VERSIONS.argument, name, "--type=merge", f"--patch={patch}")

    async def decide(self, version: str, action: str) -> None:
        """Make an act about a version as it is seen now, and wait until it was carried out."""
        seen = await self.object(MODEL_VERSIONS, self.version_name(version))
        status: Mapping[str, Any] = seen["status"]
        name = f"{self.version_name(version)}-{action.lower()}-{status.get('step', 0)}"
        about = {"modelVersion": self.version_name(version), "uid": seen["metadata"]["uid"]}
        saw = {"attempt": status["attempt"], "step": status["step"], "policyHash": status["effectiveRolloutHash"]}
        act = {
            "apiVersion": "sluice.dev/v1alpha1",
            "kind": "RolloutAction",
            "metadata": {"name": name},
            "spec": {**about, **saw, "action": action, "reason": "a test", "requestedBy": USER},
        }
        await self.cluster.apply(act)
        await self.cluster.kubectl(
            "wait", f"rolloutaction/{name}", "--for=jsonpath={.status.outcome}=Applied", "--timeout=30s"
        )
        await self.cluster.kubectl("delete", "rolloutaction", name)

    def version_name(self, version: str) -> str:
        return f"{self.name}-{version.replace('.', '-')}"

    async def reaches(self, version: str, phase: str, *, within: float = 180) -> None:
        """Wait until a version is in a phase."""

        def there() -> bool:
            state = self.observer.versions.get(version)
            return state is not None and state.phase == phase

        assert await self.observer.until(there, within=within), (
            f"{version} was expected {phase}, is {self.observer.versions.get(version)}"
        )

    async def has_weight(self, version: str, weight: int, *, within: float = 120) -> None:
        """Wait until the route sends a version so many percent of the requests."""
        there = await self.observer.until(lambda: self.observer.weight(version) == weight, within=within)
        assert there, f"{version} was expected to have {weight} %: {self.observer.versions.get(version)}"

    async def status(self, version: str) -> dict[str, Any]:
        status: dict[str, Any] = (await self.object(MODEL_VERSIONS, self.version_name(version)))["status"]
        return status

    async def object(self, resource: Resource, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(await self.cluster.kubectl("get", resource.argument, name, "-o", "json"))
        return found

    async def service(self, version: str) -> dict[str, Any]:
        """The InferenceService of a version."""
        return await self.object(INFERENCE_SERVICES, (await self.status(version))["inferenceService"])

    async def routes(self) -> list[dict[str, Any]]:
        return [one for one in await self.cluster.items(ROUTES) if one["metadata"]["name"] == self.name]

    async def services(self) -> list[dict[str, Any]]:
        return await self.cluster.items(INFERENCE_SERVICES, selector=f"sluice.dev/model={self.name}")
