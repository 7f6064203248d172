"""The demo's two ways to the cluster: kubectl for what a user would type, the Kubernetes client for watching.

Watching needs an event the moment it happens, so that a weight's change is dated to the millisecond.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from kubernetes.aio import client, config, watch

from hack.cluster.paths import default_paths

CONTEXT = "kind-sluice"
RECONNECT_S = 0.5
"""A watch that breaks is taken up again after this many seconds; the API server may be restarting."""


class KubectlError(Exception):
    """kubectl failed; the message is its own last line."""


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind in the API, by the words of its path."""

    group: str
    version: str
    plural: str

    @property
    def argument(self) -> str:
        return f"{self.plural}.{self.group}"


MODEL_VERSIONS = Resource("sluice.dev", "v1alpha1", "modelversions")
ROUTES = Resource("gateway.networking.k8s.io", "v1", "httproutes")
INFERENCE_SERVICES = Resource("serving.kserve.io", "v1beta1", "inferenceservices")


def tool(name: str) -> str:
    """The program to run: Sluice's own copy in the user's cache, else the one on PATH."""
    own = default_paths().bin / name
    return str(own) if own.exists() else name


def as_typed(name: str) -> str:
    """How a person would call the same program: by its bare name if the shell finds it."""
    return name if shutil.which(name) else tool(name)


@dataclass(frozen=True, slots=True)
class Cluster:
    """One namespace of the demo's cluster."""

    kubeconfig: Path
    namespace: str = "default"

    async def kubectl(self, *arguments: str, stdin: str = "") -> str:
        """What kubectl prints.

        Raises:
            KubectlError: it exits with another status than 0.
        """
        process = await asyncio.create_subprocess_exec(
            tool("kubectl"),
            f"--kubeconfig={self.kubeconfig}",
            f"--namespace={self.namespace}",
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate(stdin.encode())
        if process.returncode:
            lines = err.decode().strip().splitlines() or ["no message"]
            raise KubectlError(f"kubectl {' '.join(arguments)}: {lines[-1]}")
        return out.decode()

    async def version(self) -> str:
        """The version of the API server, such as v1.35.4."""
        version: str = json.loads(await self.kubectl("version", "-o", "json"))["serverVersion"]["gitVersion"]
        return version

    async def apply(self, manifest: Mapping[str, Any]) -> None:
        await self.kubectl("apply", "-f", "-", stdin=json.dumps(manifest))

    async def items(self, resource: Resource, *, selector: str = "") -> list[dict[str, Any]]:
        arguments = [f"--selector={selector}"] if selector else []
        found = json.loads(await self.kubectl("get", resource.argument, "-o", "json", *arguments))
        items: list[dict[str, Any]] = found["items"]
        return items

    async def delete(self, resource: Resource, name: str) -> None:
        """Ask for an object's deletion; does not wait, and is content when there is none."""
        await self.kubectl("delete", resource.argument, name, "--wait=false", "--ignore-not-found")

    async def watch(self, resource: Resource) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        """Every object there is and every change from now on, for ever: (ADDED, MODIFIED or DELETED, object).

        After a broken connection everything there is comes again as ADDED.
        """
        async with _client(self.kubeconfig) as api:
            objects = client.CustomObjectsApi(api)
            while True:
                watching = watch.Watch()
                try:
                    async for event in watching.stream(
                        objects.list_namespaced_custom_object,
                        resource.group,
                        resource.version,
                        self.namespace,
                        resource.plural,
                    ):
                        yield event["type"], event["raw_object"]
                except (aiohttp.ClientError, client.ApiException, OSError):
                    await asyncio.sleep(RECONNECT_S)
                finally:
                    await watching.close()


@asynccontextmanager
async def _client(kubeconfig: Path) -> AsyncIterator[client.ApiClient]:
    api = await config.new_client_from_config(config_file=str(kubeconfig), persist_config=False)
    try:
        yield api
    finally:
        await api.close()
