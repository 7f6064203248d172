"""Keeps the local copies in sync, and says which model each change is about."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Protocol

from ..api.labels import MODEL_LABEL
from ..kube.gateway import Gateway, Object, Resource
from ..kube.reflector import Key, Reflector, key_of
from ..routing.httproute import read_route
from . import resources
from .claims import Claims
from .copies import Copies
from .watchlist import has_traffic


class Changed(Protocol):
    """Who looks at models."""

    def __call__(self, key: Key | None, *, urgent: bool = False) -> None:
        """A model has changed; None stands for something that is about no model."""


class Following:
    """All copies, each of the namespaces that are watched."""

    def __init__(
        self,
        *,
        gateway: Gateway,
        namespaces: Sequence[str],
        changed: Changed,
        seen: Callable[[Object], None],
        gone: Callable[[Object], None],
        acted: Callable[[Object, Object | None], None],
    ) -> None:
        """Follow what a gateway shows.

        Args:
            gateway: The API server.
            namespaces: Those to follow; all where none is named.
            changed: Told of the models that a change is about.
            seen: Told of each ModelVersion that came or changed.
            gone: Told of each ModelVersion that is no more.
            acted: Told of each RolloutAction that came or changed, and of the ModelVersion of the name that it gives.
        """
        self._gateway = gateway
        self._namespaces = namespaces
        self._changed = changed
        self._seen = seen
        self._gone = gone
        self._acted = acted
        labelled = resources.model_of_labelled
        self.copies = Copies(
            versions=self._copy(resources.MODEL_VERSIONS, self._version_changed, index=resources.model_of_version),
            services=self._copy(resources.INFERENCE_SERVICES, self._backend_changed, index=labelled),
            routes=self._copy(resources.HTTP_ROUTES, self._route_changed, index=labelled),
            pods=self._copy(resources.PODS, self._backend_changed, index=labelled, selector=MODEL_LABEL),
            policies=self._copy(resources.ROLLOUT_POLICIES, self._policy_changed, index=resources.namespace_of),
            acts=self._copy(resources.ROLLOUT_ACTIONS, self._act_changed, index=resources.version_of_act),
            claims=Claims(changed),
        )

    @property
    def all(self) -> tuple[Reflector, ...]:
        """Every copy."""
        copies = self.copies
        return copies.versions, copies.services, copies.routes, copies.pods, copies.policies, copies.acts

    def acts(self) -> Iterator[tuple[Object, Object | None]]:
        """Every RolloutAction, and the ModelVersion of the name that it gives."""
        return ((act, self._about(act)) for act in self.copies.acts.all())

    def synced(self) -> bool:
        """Whether every copy has all that there is."""
        return all(copy.synced.is_set() for copy in self.all)

    def look_at_all(self) -> None:
        """Say that every model has changed.

        The oldest versions come first: of several models that claim one host name the one that was there first has it.
        """
        for obj in sorted(self.copies.versions.all(), key=lambda obj: str(obj["metadata"]["creationTimestamp"])):
            self._changed(resources.model_of_version(obj))
        for copy in (self.copies.services, self.copies.routes):
            for obj in copy.all():
                self._changed(resources.model_of_labelled(obj))

    def _copy(
        self,
        resource: Resource,
        changed: Callable[[Object], None],
        *,
        index: Callable[[Object], Key | None],
        selector: str = "",
    ) -> Reflector:
        return Reflector(
            gateway=self._gateway,
            namespaces=self._namespaces,
            resource=resource,
            changed=changed,
            index=index,
            label_selector=selector,
        )

    def _version_changed(self, obj: Object) -> None:
        if self.copies.versions.get(key_of(obj)) is None:
            self._gone(obj)
        else:
            self._seen(obj)
        self._changed(resources.model_of_version(obj))

    def _route_changed(self, obj: Object) -> None:
        key = resources.model_of_labelled(obj)
        if key is not None and key == key_of(obj):
            made = datetime.fromisoformat(obj["metadata"]["creationTimestamp"])
            reached = read_route(self.copies.routes.get(key)).addresses
            self.copies.claims.follow(key, {at.hostname for at in reached}, since=made)
        self._changed(key)

    def _act_changed(self, obj: Object) -> None:
        version = self._about(obj)
        self._acted(obj, version)
        self._changed(resources.model_of_version(version) if version is not None else None, urgent=True)

    def _about(self, act: Object) -> Object | None:
        about = resources.version_of_act(act)
        return self.copies.versions.get(about) if about is not None else None

    def _policy_changed(self, obj: Object) -> None:
        for version in self.copies.versions.all():
            if version["metadata"]["namespace"] == obj["metadata"]["namespace"]:
                self._changed(resources.model_of_version(version))

    def _backend_changed(self, obj: Object) -> None:
        """What becomes of pods is urgent while a candidate has traffic: it may have none left to answer it."""
        key = resources.model_of_labelled(obj)
        self._changed(key, urgent=key is not None and any(map(has_traffic, self.copies.versions.indexed(key))))
