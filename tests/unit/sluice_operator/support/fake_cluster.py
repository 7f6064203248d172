"""An API server in a dictionary, with what the operator relies on: resourceVersions, finalizers, generations.

The operator's own reconciler runs against it, on copies that may lag behind, and can be killed at any write. A stored
object is replaced by a new one and never altered, so that copies need not be deep.
"""

from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar

from sluice_operator.kube.errors import ConflictError, InvalidError, NotFoundError
from sluice_operator.kube.gateway import Object, Resource
from sluice_operator.kube.reflector import Key

T = TypeVar("T")


class KilledError(BaseException):
    """The operator was killed; nothing of its own may catch this."""


def finish(work: Coroutine[Any, Any, T]) -> T:
    """Run what never really waits to its end, without an event loop."""
    try:
        work.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waited for something")


class FakeCopy:
    """A local copy as a reflector keeps it, which follows only when it is told to."""

    def __init__(self, index: Callable[[Object], Key | None]) -> None:
        self._index = index
        self._objects: dict[Key, Object] = {}

    def follow(self, objects: dict[Key, Object]) -> None:
        self._objects = dict(objects)

    def get(self, key: Key) -> Object | None:
        return self._objects.get(key)

    def indexed(self, key: Key) -> Iterable[Object]:
        return [obj for obj in self._objects.values() if self._index(obj) == key]

    def all(self) -> Iterable[Object]:
        return self._objects.values()


class FakeApiServer:
    """The gateway's methods, on a dictionary."""

    def __init__(self) -> None:
        self.kinds: dict[str, dict[Key, Object]] = {}
        self.writes: list[tuple[str, str, str]] = []
        self.before_write: Callable[[str, Object], None] = lambda _plural, _body: None
        self.webhook: Callable[[str, Object], Object] = lambda _plural, obj: obj
        """What admission makes of an object that is created or changed."""
        self.refuse_status_of = ""
        """An object whose status is refused, because its spec is not valid."""
        self.lives: int | None = None
        """Writes until the operator is killed, just before one more would count."""
        self.count = 0
        """Changes so far, by whomever."""

    def kind(self, plural: str) -> dict[Key, Object]:
        return self.kinds.setdefault(plural, {})

    async def get(self, resource: Resource, *, namespace: str, name: str) -> Object:
        return self._found(resource, (namespace, name))

    async def create(self, resource: Resource, *, namespace: str, body: Object) -> Object:
        key = (namespace, body["metadata"]["name"])
        if key in self.kind(resource.plural):
            raise ConflictError(409, "it exists already")
        self._begin("create", resource, key[1], body)
        meta = {**body["metadata"], "generation": 1, "uid": f"uid-{key[1]}"}
        return self._store(resource.plural, key, self.webhook(resource.plural, {**body, "metadata": meta}))

    async def apply(self, resource: Resource, body: Object, *, sub: str | None = None) -> Object:
        key = (body["metadata"]["namespace"], body["metadata"]["name"])
        live = self.kind(resource.plural).get(key)
        if live is None:
            raise NotFoundError(404, "it is not there") if sub else ConflictError(409, "it is gone")
        if sub and key[1] == self.refuse_status_of:
            raise InvalidError(422, "spec.version: Required value")
        self._same(live, body)
        self._begin("status" if sub else "apply", resource, key[1], body)
        if sub:
            return self._store(resource.plural, key, {**live, "status": body["status"]})
        ours = {"spec": body["spec"], "metadata": {k: body["metadata"][k] for k in ("labels", "annotations")}}
        merged = _applied(live, before=live["metadata"].get("ours", {}), now=ours)
        merged["metadata"]["ours"] = ours
        return self._change(resource.plural, key, live, merged)

    async def merge_patch(self, resource: Resource, *, namespace: str, name: str, body: Object) -> Object:
        live = self._found(resource, (namespace, name))
        self._same(live, body)
        self._begin("patch", resource, name, body)
        merged = _merged(live, body)
        if not merged["metadata"].get("finalizers") and "deletionTimestamp" in merged["metadata"]:
            del self.kind(resource.plural)[(namespace, name)]
            return live
        return self._change(resource.plural, (namespace, name), live, merged)

    async def delete(self, resource: Resource, obj: Object) -> None:
        key = (obj["metadata"]["namespace"], obj["metadata"]["name"])
        self._same(self._found(resource, key), obj)
        self._begin("delete", resource, key[1], {})
        del self.kind(resource.plural)[key]

    def put(self, plural: str, obj: Object) -> None:
        """A write by somebody else."""
        self._store(plural, (obj["metadata"]["namespace"], obj["metadata"]["name"]), obj)

    def _begin(self, verb: str, resource: Resource, name: str, body: Object) -> None:
        if self.lives is not None:
            if self.lives == 0:
                raise KilledError
            self.lives -= 1
        self.writes.append((verb, resource.plural, name))
        self.before_write(resource.plural if verb != "status" else "status", body)

    def _found(self, resource: Resource, key: Key) -> Object:
        try:
            return self.kind(resource.plural)[key]
        except KeyError:
            raise NotFoundError(404, "it is not there") from None

    @staticmethod
    def _same(live: Object, body: Object) -> None:
        decided_on = body["metadata"].get("resourceVersion")
        if decided_on is not None and decided_on != live["metadata"]["resourceVersion"]:
            raise ConflictError(409, "it has changed since")

    def _change(self, plural: str, key: Key, live: Object, changed: Object) -> Object:
        """A write of ours: a new generation where the spec is another, then whatever webhooks do."""
        changed = self.webhook(plural, changed)
        if live["spec"] != changed["spec"]:
            changed["metadata"]["generation"] = live["metadata"]["generation"] + 1
        return self._store(plural, key, changed)

    def _store(self, plural: str, key: Key, obj: Object) -> Object:
        self.count += 1
        stored = {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(self.count)}}
        self.kind(plural)[key] = stored
        return stored


def _applied(live: Any, *, before: Any, now: Any) -> Any:
    """Server-side apply: what we set stands, what we set before and no longer set goes, what others added stays."""
    if _has_keys(live) and _has_keys(now):
        named = [{entry["name"]: entry for entry in entries} for entries in (live, before or [], now)]
        merged = _applied(named[0], before=named[1], now=named[2])
        return [merged[name] for name in (*named[2], *(merged.keys() - named[2].keys()))]
    if not isinstance(now, dict) or not isinstance(live, dict):
        return now
    earlier = before if isinstance(before, dict) else {}
    kept = {key: value for key, value in live.items() if key in now or key not in earlier}
    return kept | {key: _applied(live.get(key), before=earlier.get(key), now=value) for key, value in now.items()}


def _has_keys(entries: Any) -> bool:
    """Whether it is a list of which the kind says that its entries are told apart by name, as env."""
    return isinstance(entries, list) and bool(entries) and all(isinstance(e, dict) and "name" in e for e in entries)


def _merged(live: Any, patch: Any) -> Any:
    """A JSON merge patch."""
    if not isinstance(patch, dict):
        return patch
    kept = {key: value for key, value in (live if isinstance(live, dict) else {}).items() if key not in patch}
    return kept | {key: _merged((live or {}).get(key), value) for key, value in patch.items() if value is not None}
