"""What the chart runs before it is uninstalled, so that nothing ever waits for an operator that is no more.

First the operator is stopped, or it would put its finalizers back; then they are taken from every ModelVersion. What
serves is not touched: InferenceServices and routes stay, and models go on with the traffic they have. Every step may be
repeated.
"""

import asyncio
import contextlib
import json
import logging
import os
import sys
from collections.abc import AsyncIterator, Sequence

from kubernetes.aio import config
from kubernetes.aio.client import ApiClient, Configuration

from ..kube.errors import ApiError, ConflictError, NotFoundError
from ..kube.gateway import DEEPEST_JSON, Gateway, Object, Resource
from . import logs
from .resources import FINALIZER, MODEL_VERSIONS, PODS

log = logging.getLogger(__name__)

DEPLOYMENTS = Resource("apps", "v1", "deployments")
_OPERATOR = "sluice-operator"
_PAGE = "500"
_POLL_SECONDS = 0.5
_SECONDS = 90
"""How long all of it may take; the operator itself gets 30 s to end."""


async def uninstall(gateway: Gateway, *, namespace: str, selector: str, watched: Sequence[str] = ()) -> int:
    """Stop the operator and let go of all versions.

    Args:
        gateway: The API server.
        namespace: Where the operator runs.
        selector: The labels of its pods, as a label selector.
        watched: The namespaces that it looks after; all where none is named.

    Returns:
        How many versions were let go.

    Raises:
        ApiError: The API server refused, or could not be reached.
    """
    await _stop(gateway, namespace=namespace, selector=selector)
    released = 0
    for where in watched or (None,):
        held = [obj async for obj in _versions(gateway, where) if FINALIZER in obj["metadata"].get("finalizers", ())]
        for obj in held:
            await _release(gateway, obj)
        released += len(held)
    return released


async def _stop(gateway: Gateway, *, namespace: str, selector: str) -> None:
    """Scale the operator to nothing, and wait until its last process has ended."""
    try:
        await gateway.merge_patch(DEPLOYMENTS, namespace=namespace, name=_OPERATOR, body={"spec": {"replicas": 0}})
    except NotFoundError:
        log.info("there is no operator to stop")
    query = {"labelSelector": selector, "fieldSelector": "status.phase!=Succeeded,status.phase!=Failed"}
    while (await gateway.list(PODS, query, namespace=namespace))["items"]:  # noqa: ASYNC110 - what ends is in another pod
        await asyncio.sleep(_POLL_SECONDS)
    log.info("the operator is stopped")


async def _versions(gateway: Gateway, namespace: str | None) -> AsyncIterator[Object]:
    """All ModelVersions of a namespace, or of all, page by page; none where the kind is gone."""
    token = ""
    while True:
        try:
            query = {"limit": _PAGE, **({"continue": token} if token else {})}
            page = await gateway.list(MODEL_VERSIONS, query, namespace=namespace)
        except NotFoundError:
            return
        for obj in page["items"]:
            yield obj
        token = page["metadata"].get("continue", "")
        if not token:
            return


async def _release(gateway: Gateway, obj: Object) -> None:
    """Take our finalizer from a version, and nobody else's."""
    meta = obj["metadata"]
    with contextlib.suppress(NotFoundError):
        while True:
            others = [name for name in meta.get("finalizers", ()) if name != FINALIZER]
            body = {"metadata": {"resourceVersion": meta["resourceVersion"], "finalizers": others}}
            place = {"namespace": meta["namespace"], "name": meta["name"]}
            try:
                await gateway.merge_patch(MODEL_VERSIONS, **place, body=body)
            except ConflictError:
                meta = (await gateway.get(MODEL_VERSIONS, **place))["metadata"]
            else:
                return


async def _run() -> int:
    configuration = Configuration()
    config.load_incluster_config(client_configuration=configuration)
    async with asyncio.timeout(_SECONDS), ApiClient(configuration) as api:
        return await uninstall(
            Gateway(api),
            namespace=os.environ["SLUICE_NAMESPACE"],
            selector=os.environ["SLUICE_SELECTOR"],
            watched=json.loads(os.environ.get("SLUICE_WATCH_NAMESPACES", "[]")),
        )


def main() -> None:
    """Run in the hook's pod; the exit status is 1 when something would still wait for the operator."""
    logs.configure()
    sys.setrecursionlimit(DEEPEST_JSON)
    try:
        released = asyncio.run(_run())
    except TimeoutError:
        sys.exit("sluice: the operator's pods did not end in time; run `helm uninstall` again")
    except ApiError as error:
        sys.exit(f"sluice: {error}")
    log.info("let go of %d versions; models serve on", released)


if __name__ == "__main__":
    main()
