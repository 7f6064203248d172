"""Every object of the chart is one that a real API server takes, without a warning or an unknown field."""

from typing import Any

import aiohttp
import pytest

from hack.cluster.gobuild import HELM
from hack.cluster.paths import default_paths
from hack.testbed.controlplane import ADMINISTRATOR, ControlPlane
from tests.integration.chart.rendering import NAMESPACE, Chart, Document

EVERYTHING: dict[str, Any] = {
    "image": {"pullSecrets": ["registry"]},
    "operator": {
        "replicas": 2,
        "nodeSelector": {"kubernetes.io/arch": "amd64"},
        "tolerations": [{"key": "dedicated", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 60}],
        "affinity": {"podAntiAffinity": {}},
    },
    "ledger": {"postgresql": {"secretName": "ledger"}},
    "prometheus": {
        "url": "https://mimir.example.org/prometheus",
        "ca": {"secret": "authority"},
        "basic": {"secret": "reader"},
        "headers": {"X-Scope-OrgID": "a"},
    },
    "networkPolicy": {"ingressFrom": [{"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "a"}}}]},
    "scrape": {"enabled": True, "namespace": NAMESPACE},
    "dashboard": {"enabled": True},
}
NAMESPACED: dict[str, Any] = {
    "scope": "Namespaced",
    "watchNamespaces": ["default"],
    "prometheus": {"namespaces": {"default": {"url": "https://mimir.example.org", "token": {"secret": "of-default"}}}},
    "route": {"allowed": [{"namespaces": ["default"], "hostnames": ["*.example.com"]}]},
}
_OTHERS = {"ServingRuntime", "ClusterServingRuntime", "PodMonitor", "PrometheusRule"}
"""Kinds of KServe and of the Prometheus operator, which this API server does not have."""


@pytest.mark.parametrize("values", [{}, EVERYTHING, NAMESPACED, {"prometheus": {"token": {"secret": "reader"}}}])
async def test_the_api_server_takes_every_object(control_plane: ControlPlane, values: dict[str, Any]) -> None:
    documents = Chart(helm=default_paths().bin / HELM.name).objects(**values)
    connector = aiohttp.TCPConnector(ssl=control_plane.tls(ADMINISTRATOR))
    async with aiohttp.ClientSession(control_plane.url, connector=connector) as session:
        for document in documents:
            if document["kind"] not in _OTHERS:
                await taken(session, document)


async def taken(session: aiohttp.ClientSession, document: Document) -> None:
    """Apply an object without doing it; the server's own words where it refuses or warns."""
    meta = document["metadata"]
    query = {"dryRun": "All", "fieldValidation": "Strict", "fieldManager": "helm", "force": "true"}
    headers = {"Content-Type": "application/apply-patch+yaml"}
    path = f"{collection(document)}/{meta['name']}"
    async with session.patch(path, json=document, params=query, headers=headers) as response:
        assert response.status < 300, f"{document['kind']} {meta['name']}: {await response.text()}"
        assert "Warning" not in response.headers, response.headers["Warning"]


def collection(document: Document) -> str:
    group, _, version = document["apiVersion"].rpartition("/")
    plural = document["kind"].lower()
    plural = f"{plural[:-1]}ies" if plural.endswith("y") else f"{plural}s"
    namespace = document["metadata"].get("namespace")
    scope = f"/namespaces/{namespace}" if namespace else ""
    return f"/apis/{group}/{version}{scope}/{plural}" if group else f"/api/{version}{scope}/{plural}"
