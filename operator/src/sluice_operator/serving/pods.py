"""Where each pod of a version can be asked itself, past the Service and the route."""

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .overlay import MODEL_CONTAINER
from .read import answering

_DEFAULT_PORT = 8080
"""What KServe takes where the container names none."""

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PodAddress:
    """A pod that answers requests."""

    pod: str
    """Its name."""
    url: str
    """Where it does, without a path."""


def pod_addresses(backend: str, pods: Iterable[Object]) -> tuple[PodAddress, ...]:
    """The pods that answer now what is sent to a version's Service.

    Args:
        backend: Name of the InferenceService.
        pods: Pods of the model.
    """
    found = ((pod["metadata"]["name"], _url(pod)) for pod in answering(backend, pods))
    return tuple(PodAddress(pod=name, url=url) for name, url in sorted(found) if url)


def _url(pod: Object) -> str:
    """Empty where nobody has said yet where the pod is."""
    try:
        ip = ipaddress.ip_address(str(pod.get("status", {}).get("podIP")))
    except ValueError:
        return ""
    host = f"[{ip}]" if ip.version == 6 else str(ip)
    return f"http://{host}:{_port(pod)}"


def _port(pod: Object) -> int:
    """The port that the model's container answers HTTP at: by name, otherwise its first, otherwise KServe's."""
    containers = pod.get("spec", {}).get("containers", ())
    ports = [port for one in containers if one.get("name") == MODEL_CONTAINER for port in one.get("ports", ())]
    named = [port for port in ports if str(port.get("name", "")).startswith("http")]
    number = next((port.get("containerPort") for port in (*named, *ports)), None)
    return number if isinstance(number, int) else _DEFAULT_PORT
