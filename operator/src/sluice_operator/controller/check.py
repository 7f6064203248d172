"""What `helm test` runs: whether the operator has what it needs, asked with its own rights and settings.

Each question is asked, whatever came of those before, so that one run names everything that is missing.
"""

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Iterable, Mapping, Sequence

import aiohttp
from kubernetes.aio import config
from kubernetes.aio.client import ApiClient, Configuration

from ..kube.errors import ApiError
from ..kube.gateway import DEEPEST_JSON, Gateway, Resource
from ..prometheus.client import PrometheusClient, PrometheusError
from .resources import HTTP_ROUTES, INFERENCE_SERVICES, MODEL_VERSIONS, PODS, ROLLOUT_ACTIONS, ROLLOUT_POLICIES
from .settings import Settings

_READS = (MODEL_VERSIONS, ROLLOUT_POLICIES, ROLLOUT_ACTIONS, INFERENCE_SERVICES, HTTP_ROUTES, PODS)
_READY_SECONDS = 5.0
_ANY_SERIES = "vector(1)[1m:1m]"


async def check(
    *,
    gateway: Gateway,
    prometheus: Mapping[str, PrometheusClient],
    session: aiohttp.ClientSession,
    operator: str,
    namespaces: Sequence[str] = (),
) -> bool:
    """Ask all of it and print a line for each.

    Args:
        gateway: The API server, with the operator's rights.
        prometheus: Every Prometheus of the settings, by what it is called.
        session: For asking the operator.
        operator: The operator's URL.
        namespaces: Those that are watched; all where none is named.

    Returns:
        Whether nothing is missing.
    """
    questions: Iterable[tuple[str, Awaitable[str]]] = (
        *(
            (f"the API server lists {_name(resource)}{_of(namespace)}", _lists(gateway, resource, namespace))
            for namespace in namespaces or (None,)
            for resource in _READS
        ),
        ("the operator is ready", _is_ready(session, operator)),
        *((f"{name} answers", _answers(client)) for name, client in prometheus.items()),
    )
    good = True
    for what, asked in questions:
        problem = await asked
        print(f"no   {what}: {problem}" if problem else f"yes  {what}")
        good = good and not problem
    return good


def _name(resource: Resource) -> str:
    return f"{resource.plural}.{resource.group}" if resource.group else resource.plural


def _of(namespace: str | None) -> str:
    return f" of {namespace}" if namespace is not None else ""


async def _lists(gateway: Gateway, resource: Resource, namespace: str | None) -> str:
    try:
        await gateway.list(resource, {"limit": "1"}, namespace=namespace)
    except ApiError as error:
        return str(error)
    return ""


async def _is_ready(session: aiohttp.ClientSession, operator: str) -> str:
    limit = aiohttp.ClientTimeout(total=_READY_SECONDS)
    try:
        async with session.get(f"{operator}/readyz", timeout=limit) as response:
            return "" if response.status == 200 else f"HTTP {response.status}"
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        return f"{type(error).__name__}: {error}"


async def _answers(prometheus: PrometheusClient) -> str:
    try:
        await prometheus.matrix(_ANY_SERIES, at=time.time())
    except PrometheusError as error:
        return str(error)
    return ""


async def _run() -> bool:
    settings = Settings.from_environment(os.environ)
    configuration = Configuration()
    config.load_incluster_config(client_configuration=configuration)
    own = settings.prometheus_namespaces.items()
    reached = {"Prometheus": settings.prometheus, **{f"Prometheus of {name}": one.access for name, one in own}}
    async with ApiClient(configuration) as api, aiohttp.ClientSession() as session:
        return await check(
            gateway=Gateway(api),
            prometheus={name: PrometheusClient(access=one, session=session) for name, one in reached.items()},
            session=session,
            operator=os.environ["SLUICE_OPERATOR_URL"],
            namespaces=settings.watch_namespaces,
        )


def main() -> None:
    """Run in the test's pod; the exit status is 1 when something is missing."""
    sys.setrecursionlimit(DEEPEST_JSON)
    sys.exit(0 if asyncio.run(_run()) else 1)


if __name__ == "__main__":
    main()
