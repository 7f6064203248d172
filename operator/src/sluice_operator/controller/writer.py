"""Writing an object of ours so that it stands as it should, and only when it does not.

A write carries the resourceVersion of what was looked at, so the API server refuses it when that has changed since.
What somebody else added is taken out by a patch of its own, because server-side apply leaves it alone. Webhooks may
alter every write: what came of one is remembered, and while neither it nor the wish changes, there is no other.
"""

import logging
from collections.abc import Mapping
from typing import Any

from ..kube.errors import NotFoundError
from ..kube.gateway import Gateway, Object, Resource
from ..kube.reflector import Key

log = logging.getLogger(__name__)


def covers(live: Any, wanted: Any) -> bool:
    """Whether an object already says all that is wanted; what the server or others added does not matter."""
    if isinstance(wanted, dict):
        return isinstance(live, dict) and all(covers(live.get(key), value) for key, value in wanted.items())
    if isinstance(wanted, list):
        return isinstance(live, list) and len(live) == len(wanted) and all(map(covers, live, wanted))
    return bool(live == wanted)


class Writer:
    """Brings objects to stand as they should."""

    def __init__(self, gateway: Gateway) -> None:
        """Write through a gateway."""
        self._gateway = gateway
        self._settled: dict[Key, tuple[Object, Object]] = {}
        """What was wanted of an object when it was last written, and what came of it."""

    def is_settled(self, resource: Resource, body: Object, *, live: Object) -> bool:
        """Whether an object is what the last write made of it, and that write wanted the same."""
        return self._settled.get(_key(resource, body["metadata"])) == (body, _state(live))

    async def create(self, resource: Resource, body: Object) -> None:
        """Create an object.

        Raises:
            ConflictError: when there is one of that name.
        """
        written = await self._gateway.create(resource, namespace=body["metadata"]["namespace"], body=body)
        self._settled[_key(resource, body["metadata"])] = (body, _state(written))

    async def apply(self, resource: Resource, body: Object, *, live: Object, additions: Object | None = None) -> None:
        """Give an object all that is wanted of it.

        Args:
            resource: Its kind.
            body: All that is ours in it.
            live: The object as it was looked at.
            additions: A merge patch that takes out what somebody else added, if there is anything.

        Raises:
            ConflictError: when the object has changed since it was looked at.
        """
        meta = body["metadata"]
        if additions:
            decided_on = {**additions.get("metadata", {}), "resourceVersion": live["metadata"]["resourceVersion"]}
            patch = {**additions, "metadata": decided_on}
            live = await self._gateway.merge_patch(resource, namespace=meta["namespace"], name=meta["name"], body=patch)
            if covers(live, body):
                self._settled[_key(resource, meta)] = (body, _state(live))
                return
        decided_on = {"resourceVersion": live["metadata"]["resourceVersion"]}
        written = await self._gateway.apply(resource, {**body, "metadata": {**meta, **decided_on}})
        self._settled[_key(resource, meta)] = (body, _state(written))

    async def delete(self, resource: Resource, live: Object) -> None:
        """Delete an object as it was looked at, unless it is gone already.

        Raises:
            ConflictError: when it has changed since it was looked at.
        """
        meta = live["metadata"]
        self._settled.pop(_key(resource, meta), None)
        try:
            await self._gateway.delete(resource, live)
        except NotFoundError:
            return
        about = {"namespace": meta["namespace"], "object": meta["name"]}
        log.info("deleted", extra={"resource": resource.plural, **about})


def _key(resource: Resource, meta: Mapping[str, Any]) -> Key:
    return f"{resource.plural}/{meta['namespace']}", meta["name"]


def _state(obj: Object) -> Object:
    """What of an object changes when somebody writes to it, but for its status."""
    meta = obj["metadata"]
    return {name: meta.get(name) for name in ("generation", "labels", "annotations")}
