"""Whose an InferenceService is. Labels and annotations are anybody's to change: they are hints; the name decides."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from ..api.modelversion import ModelVersionSpec
from ..kube.gateway import Object
from ..kube.reflector import Key, key_of
from ..rollout.snapshot import Route, Version
from ..routing.httproute import read_route
from ..serving.names import backend_name
from ..serving.overlay import UnservableError
from ..serving.read import bears, owner, read_backend
from .copies import Copies
from .reading import read_spec


def pods_of_others(
    key: Key, route: Route, copies: Copies, pods: Mapping[str, Sequence[Mapping[str, Any]]], *, own: Collection[str]
) -> dict[str, int]:
    """Pods of what the route names and no version that can be read is served by."""
    found = {}
    for name in route.weights.keys() - own:
        service = copies.services.get((key[0], name))
        made_for = owner(service) if service is not None else None
        if made_for is not None:
            seen = read_backend(name=name, version=made_for, service=service, pods=pods.get(name, ()))
            found[name] = max(seen.available, seen.desired)
    return found


def orphans(key: Key, copies: Copies, *, versions: Sequence[Version]) -> tuple[str, ...]:
    """The backends that carry the model's label and belong to no ModelVersion, whatever model that is of.

    Labels are anybody's to change: what serves a version of another model, or is named by another model's route, is
    not for this one to sweep.
    """
    backends = {version.name: version.backend.name for version in versions}
    own = {version.backend.name for version in versions if not version.backend.foreign}
    found = []
    for service in copies.services.indexed(key):
        name, made_for = service["metadata"]["name"], owner(service)
        if made_for is None or name in own or "deletionTimestamp" in service["metadata"]:
            continue
        if (backends[made_for] != name) if made_for in backends else _is_left((key[0], made_for), name, copies):
            found.append(name)
    if not found:
        return ()
    routes = [obj for obj in copies.routes.all() if obj["metadata"]["namespace"] == key[0] and key_of(obj) != key]
    named = {name for obj in routes for name in read_route(obj).weights}
    return tuple(name for name in found if name not in named)


def is_spoilt(service: Object, spec: ModelVersionSpec, copies: Copies) -> bool:
    """Whether an InferenceService with the name of a version's lacks nothing but our word whom it was made for.

    The name has a hash of what the version is; it is not taken from another version that has the same one.
    """
    meta, made_for = service["metadata"], owner(service)
    left = made_for is None or _is_left((meta["namespace"], made_for), meta["name"], copies)
    return left and bears(service, spec)


def _is_left(version: Key, backend: str, copies: Copies) -> bool:
    """Whether the version that a backend was made for is gone, or known to be served by another one."""
    obj = copies.versions.get(version)
    if obj is None:
        return True
    try:
        spec = read_spec(obj)
    except (ValidationError, UnservableError):
        return False
    return backend_name(version[1], spec, namespace=version[0]) != backend
