"""A local copy of a collection that follows the API server, and says which keys changed.

List in pages, then watch from there; resume after a cut; list again when history is gone. Failures are answered with
growing, jittered pauses, so that an API server that restarts is not hammered. One event loop, hence no locks. Only
keys are passed on: whoever reacts reads the copy, and so always acts on the latest.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Iterable, Sequence

from .errors import ApiError, GoneError
from .gateway import Gateway, Object, Resource
from .sharing import Sharing

log = logging.getLogger(__name__)

_PAGE = "500"
_IDLE = 90.0
"""Seconds of silence after which a watch is dead: bookmarks come about once a minute."""
_PAUSE_BASE, _PAUSE_MAX = 0.2, 30.0
_HEALTHY_AFTER = 30.0

Key = tuple[str, str]
"""Namespace and name."""


def key_of(obj: Object) -> Key:
    """Namespace and name of an object."""
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


class Reflector:
    """The copy of one collection."""

    def __init__(
        self,
        *,
        gateway: Gateway,
        resource: Resource,
        changed: Callable[[Object], None],
        index: Callable[[Object], Key | None],
        namespaces: Sequence[str] = (),
        label_selector: str = "",
        random_source: random.Random | None = None,
    ) -> None:
        """Follow a collection.

        Args:
            gateway: The API server.
            resource: The collection.
            changed: Called with every object that came, changed or went.
            index: The key under which `indexed` finds an object. Where that becomes another, `changed` is also called
                with the object as it was: whoever looked after it there looks again.
            namespaces: Where, each with a list and a watch of its own; everywhere where none is named.
            label_selector: Which objects to follow; all otherwise.
            random_source: Where the jitter of pauses comes from.
        """
        self._gateway = gateway
        self._resource = resource
        self._changed = changed
        self._index = index
        self._groups: dict[Key, dict[Key, Object]] = {}
        self._group_of: dict[Key, Key] = {}
        self._query = {"labelSelector": label_selector} if label_selector else {}
        self._random = random_source or random.Random()  # noqa: S311 - jitter, not a secret
        self._seen: dict[str | None, str] = {}
        """Up to which version each namespace's copy is known; one that must be listed anew is not there."""
        self._objects: dict[Key, Object] = {}
        self._namespaces: Sequence[str | None] = namespaces or (None,)
        self._unlisted = set(self._namespaces)
        self.synced = asyncio.Event()

    def get(self, key: Key) -> Object | None:
        """One object of the copy."""
        return self._objects.get(key)

    def indexed(self, key: Key) -> Iterable[Object]:
        """The objects of the copy that the index puts under a key."""
        return self._groups.get(key, {}).values()

    def all(self) -> Iterable[Object]:
        """All objects of the copy."""
        return self._objects.values()

    async def run(self) -> None:
        """Follow for ever."""
        async with asyncio.TaskGroup() as group:
            for namespace in self._namespaces:
                group.create_task(self._follow(namespace))

    async def _follow(self, namespace: str | None) -> None:
        failures = 0
        loop = asyncio.get_running_loop()
        while True:
            began, asked_to_wait = loop.time(), 0.0
            try:
                if namespace not in self._seen:
                    self._seen[namespace] = await self._list(namespace)
                await self._watch(namespace)
                failures = 0 if loop.time() - began > _HEALTHY_AFTER else failures + 1
            except GoneError:
                self._seen.pop(namespace, None)
                failures += 1
            except ApiError as error:
                failures = 1 if loop.time() - began > _HEALTHY_AFTER else failures + 1
                asked_to_wait = error.retry_after
                log.warning("watching %s in %s: %s", self._resource.plural, namespace or "all namespaces", error)
            pause = min(_PAUSE_MAX, _PAUSE_BASE * 2.0 ** min(failures, 10))
            await asyncio.sleep(pause * self._random.uniform(0.5, 1.0) + min(_PAUSE_MAX, asked_to_wait))

    async def _list(self, namespace: str | None) -> str:
        seen: dict[Key, Object] = {}
        query = {"limit": _PAGE, **self._query}
        while True:
            page = await self._gateway.list(self._resource, query, namespace=namespace)
            sharing = Sharing()
            for obj in page.get("items") or ():
                seen[key_of(obj)] = sharing.of(_bare(obj))
            token = page["metadata"].get("continue")
            if not token:
                break
            query = {**query, "continue": token}
        known = [(key, obj) for key, obj in self._objects.items() if namespace in (None, key[0])]
        gone = [obj for key, obj in known if key not in seen or _uid(seen[key]) != _uid(obj)]
        for obj in gone:
            self._store("DELETED", obj)
        for obj in seen.values():
            self._store("ADDED", obj)
        self._unlisted.discard(namespace)
        if not self._unlisted:
            self.synced.set()
        return str(page["metadata"]["resourceVersion"])

    async def _watch(self, namespace: str | None) -> None:
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._seen[namespace],
            "timeoutSeconds": str(int(self._random.uniform(300, 600))),
            **self._query,
        }
        async with self._gateway.watch(self._resource, query, namespace=namespace, idle=_IDLE) as events:
            async for event in events:
                obj = event["object"]
                if event["type"] == "ERROR":
                    raise _event_error(obj)
                # At once, however the watch ends: one that began further back would show the past as news.
                self._seen[namespace] = obj["metadata"]["resourceVersion"]
                if event["type"] != "BOOKMARK":
                    self._store(event["type"], _bare(obj))

    def _store(self, kind: str, obj: Object) -> None:
        key = key_of(obj)
        group = None if kind == "DELETED" else self._index(obj)
        before, left = self._objects.get(key), self._group_of.get(key)
        if left is not None and left != group:
            self._leave(key, left)
        if kind == "DELETED":
            self._objects.pop(key, None)
        else:
            self._objects[key] = obj
            if group is not None:
                self._groups.setdefault(group, {})[key] = obj
                self._group_of[key] = group
        self._changed(obj)
        if before is not None and left is not None and left != self._index(obj):
            self._changed(before)

    def _leave(self, key: Key, group: Key) -> None:
        del self._group_of[key]
        members = self._groups[group]
        del members[key]
        if not members:
            del self._groups[group]


def _bare(obj: Object) -> Object:
    """An object without what is a third of it, and nobody here reads."""
    obj["metadata"].pop("managedFields", None)
    return obj


def _uid(obj: Object) -> str | None:
    """Which object it is: one of the same name made later is another."""
    uid: str | None = obj["metadata"].get("uid")
    return uid


def _event_error(status: Object) -> ApiError:
    if status.get("code") == 410:
        return GoneError(410, str(status.get("message")))
    return ApiError(int(status.get("code", 0)), str(status.get("message")))
