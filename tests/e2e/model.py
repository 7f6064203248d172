"""One model of a test on the cluster: applies versions of it, and watches what becomes of them."""

import json
from typing import Any

from hack.demo.kube import INFERENCE_SERVICES, MODEL_VERSIONS, ROUTES, Cluster, Resource
from hack.demo.observe import Observer


class Model:
    """One model of a test: applies versions of it, and watches what becomes of them."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.cluster = cluster
        self.name = name
        self.observer = Observer(model=name)

    async def apply(self, version: str, /, **spec: Any) -> None:
        """Apply a version of the reference model's files; only 1.0.0 is what they say they are."""
        await self.cluster.apply(self.manifest(version, **spec))

    def manifest(self, version: str, /, **spec: Any) -> dict[str, Any]:
        return {
            "apiVersion": "sluice.dev/v1alpha1",
            "kind": "ModelVersion",
            "metadata": {"name": self.version_name(version)},
            "spec": {
                "model": self.name,
                "version": version,
                "source": {"storageUri": "pvc://models/sms/1.0.0"},
                "predictor": {"resources": {"requests": {"cpu": "50m", "memory": "256Mi"}}},
                **spec,
            },
        }

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

    async def status(self, version: str) -> dict[str, Any]:
        status: dict[str, Any] = (await self.object(MODEL_VERSIONS, self.version_name(version)))["status"]
        return status

    async def object(self, resource: Resource, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(await self.cluster.kubectl("get", resource.argument, name, "-o", "json"))
        return found

    async def routes(self) -> list[dict[str, Any]]:
        return [one for one in await self.cluster.items(ROUTES) if one["metadata"]["name"] == self.name]

    async def services(self) -> list[dict[str, Any]]:
        return await self.cluster.items(INFERENCE_SERVICES, selector=f"sluice.dev/model={self.name}")
