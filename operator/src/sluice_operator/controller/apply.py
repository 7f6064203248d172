"""From a plan to writes: only what differs, in the order that keeps traffic safe.

Before an increase in the route stand the finalizer that keeps the version from vanishing, the status that says why, and
the record of that.
(The route of a rollback does not come this way: see reconciler.py; its statuses are the first thing after it.) Writes
carry the resourceVersion that was decided on, so a decision on something that has changed since is refused by the API
server instead of being carried out. An InferenceService that cannot be written, because it is refused or because nobody
answers for its webhook, holds up nothing else: capacity is waited for as pods, not as writes.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from ..api.base import API_VERSION
from ..api.labels import VERSION_LABEL
from ..api.modelversion import KIND
from ..api.status import ModelVersionStatus
from ..kube.errors import ApiError, InvalidError, NotFoundError, UnavailableError
from ..kube.events import Event, EventRecorder
from ..kube.gateway import Gateway, Object
from ..kube.reflector import Key
from ..rollout.increases import must_be_recorded
from ..rollout.plan import Plan
from ..rollout.snapshot import Snapshot, Version
from ..rollout.transitions import Transition, transition
from ..routing.httproute import render_route
from ..serving.foreign import fields, without_additions
from ..serving.render import render_inference_service
from . import act_outcomes
from .copies import Copies
from .metrics import Metrics
from .observe import Installation
from .reading import read_status
from .recording import UnrecordedError
from .resources import DELETE_NOW, FINALIZER, HTTP_ROUTES, INFERENCE_SERVICES, MODEL_VERSIONS
from .writer import Writer, covers

log = logging.getLogger(__name__)

Notify = Callable[[Object, Transition, ModelVersionStatus], None]
"""Is told which object has which new status, and what of that is worth telling; never waits."""

_SERVER_ERROR = 500


class Record(Protocol):
    """The record of what happens."""

    def end(self, obj: Object) -> None:
        """Have it said that a ModelVersion goes."""

    async def told(self, objects: Iterable[Object], *, of: Key) -> None:
        """Wait until all that is to be said of a model's versions is in the record, or raise UnrecordedError."""


class Applier:
    """Carries plans out."""

    def __init__(
        self,
        *,
        gateway: Gateway,
        copies: Copies,
        installation: Installation,
        events: EventRecorder,
        record: Record,
        notify: Notify,
        metrics: Metrics,
    ) -> None:
        """Write through a gateway what differs from the local copies."""
        self._gateway = gateway
        self._copies = copies
        self._installation = installation
        self._events = events
        self._record = record
        self._notify = notify
        self._metrics = metrics
        self._writer = Writer(gateway)

    async def apply(self, snapshot: Snapshot, plan: Plan) -> None:
        """Make a plan true.

        Raises:
            ConflictError: when something decided on has changed since; decide again.
            UnrecordedError: when the route, or a version that goes, waits for the record; all else is done then.
            ApiError: when an InferenceService could not be written; everything else is done then.
        """
        key = (snapshot.namespace, snapshot.model)
        versions = {version.name: version for version in snapshot.versions}
        objects = {obj["metadata"]["name"]: obj for obj in self._copies.versions.indexed(key)}
        # Before anything is waited for: what was decided on.
        route = self._copies.routes.get(key)
        swept = [self._copies.services.get((snapshot.namespace, name)) for name in plan.sweep]
        for name in plan.guard:
            objects[name] = await self._finalizers(objects[name], add=True)
        try:
            for name in filter(plan.statuses.__contains__, versions):
                objects[name] = await self._status(objects[name], plan.statuses[name])
        except InvalidError:
            if _was_decided(snapshot, plan):
                await self._let_in(snapshot, plan, live=route, objects=objects.values())
            raise
        for invalid in snapshot.invalid:
            objects[invalid.name] = await self._invalid(objects[invalid.name], plan.statuses[invalid.name])
        for name, said in plan.acts.items():
            # After the status that holds its effect, so that a kill in between loses neither.
            await act_outcomes.tell(self._gateway, namespace=snapshot.namespace, name=name, said=said)
        unwritten = await self._services(snapshot, [versions[name] for name in (*plan.run, *plan.stop)], plan)
        unrecorded: list[UnrecordedError] = []
        try:
            await self._let_in(snapshot, plan, live=route, objects=objects.values())
        except UnrecordedError as error:
            unrecorded.append(error)
        if plan.remove_route and route is not None:
            await self._writer.delete(HTTP_ROUTES, route)
        unwritten += await self._sweep([service for service in swept if service is not None])
        for name in plan.release:
            try:
                await self._release(objects[name], of=key)
            except UnrecordedError as error:
                unrecorded.append(error)
        for failure in (*unwritten, *unrecorded):
            raise failure

    async def _let_in(self, snapshot: Snapshot, plan: Plan, *, live: Object | None, objects: Iterable[Object]) -> None:
        """Write the route; where it gives a version more traffic, the record says so first."""
        if must_be_recorded(snapshot, plan.route):
            await self._record.told(objects, of=(snapshot.namespace, snapshot.model))
        await self.write_route(snapshot, plan, live=live)

    async def _release(self, obj: Object, *, of: Key) -> None:
        """Let a version go when the record has all of it; who wants it gone at once does not wait for that."""
        meta = obj["metadata"]
        if "deletionTimestamp" in meta:
            self._record.end(obj)
        if meta.get("annotations", {}).get(DELETE_NOW) != "true":
            await self._record.told([obj], of=of)
        await self._finalizers(obj, add=False)

    async def write_route(self, snapshot: Snapshot, plan: Plan, *, live: Object | None) -> bool:
        """Put the plan's table in force, on top of the route that was decided on; False when it is."""
        if plan.route is None:
            return False
        body = render_route(
            model=snapshot.model,
            namespace=snapshot.namespace,
            table=plan.route,
            versions=self._version_names(snapshot) if self._installation.gateway.names_versions else {},
        )
        if live is None:
            await self._writer.create(HTTP_ROUTES, body)
        elif _same_route(live, body) or self._writer.is_settled(HTTP_ROUTES, body, live=live):
            return False
        else:
            await self._writer.apply(HTTP_ROUTES, body, live=live)
        log.info("route written", extra={**_identity(snapshot), "weights": dict(plan.route.weights)})
        return True

    def _version_names(self, snapshot: Snapshot) -> Mapping[str, str]:
        """The version that each backend of the model serves, also where its ModelVersion is gone."""
        services = self._copies.services.indexed((snapshot.namespace, snapshot.model))
        labelled = {obj["metadata"]["name"]: obj["metadata"]["labels"].get(VERSION_LABEL) for obj in services}
        found = {name: version for name, version in labelled.items() if version is not None}
        return found | {version.backend.name: version.spec.version for version in snapshot.versions}

    async def _services(self, snapshot: Snapshot, versions: Sequence[Version], plan: Plan) -> list[ApiError]:
        """Bring the InferenceServices about; returns why some could not be written. People are told why."""
        unwritten: dict[str, ApiError] = {}
        for version in versions:
            try:
                await self._service(snapshot, version, plan, stopped=version.name in plan.stop)
            except (InvalidError, UnavailableError) as error:
                unwritten[version.backend.name] = error
        key = (snapshot.namespace, snapshot.model)
        self._copies.refusals.pop(key, None)
        said = {name: str(error) for name, error in unwritten.items() if _is_said(error)}
        if said:
            self._copies.refusals[key] = said
        return list(unwritten.values())

    async def _sweep(self, services: Sequence[Object]) -> list[ApiError]:
        unwritten: list[ApiError] = []
        for service in services:
            try:
                await self._writer.delete(INFERENCE_SERVICES, service)
            except (InvalidError, UnavailableError) as error:
                unwritten.append(error)
        return unwritten

    async def _service(self, snapshot: Snapshot, version: Version, plan: Plan, *, stopped: bool) -> None:
        body = render_inference_service(
            name=version.backend.name,
            namespace=snapshot.namespace,
            owner=version.name,
            spec=version.spec,
            runtime=plan.statuses[version.name].runtime or "",
            stopped=stopped,
            replicas=plan.replicas.get(version.name, version.spec.predictor.min_replicas),
        )
        live = self._copies.services.get((snapshot.namespace, version.backend.name))
        if live is None:
            await self._writer.create(INFERENCE_SERVICES, body)
            return
        additions = without_additions(live, body)
        stands = not additions and covers(live, body)
        going = "deletionTimestamp" in live["metadata"]  # it is made again when it is gone
        if going or stands or self._writer.is_settled(INFERENCE_SERVICES, body, live=live):
            return
        await self._writer.apply(INFERENCE_SERVICES, body, live=live, additions=additions)
        if additions:
            self._tell_of_edit(version, live, additions)

    def _tell_of_edit(self, version: Version, live: Object, additions: Object) -> None:
        meta = live["metadata"]
        note = f"taken out of InferenceService {meta['name']}, where somebody else had put it: {fields(additions)}"
        log.warning(note, extra={"namespace": meta["namespace"], "object": version.name})
        of = self._copies.versions.get((meta["namespace"], version.name))
        if of is not None:
            about = {"apiVersion": API_VERSION, "kind": KIND, "metadata": of["metadata"]}
            self._events.record(Event(about=about, kind="Warning", reason="EditReverted", action="Revert", note=note))

    async def _finalizers(self, obj: Object, *, add: bool) -> Object:
        meta = obj["metadata"]
        others = [name for name in meta.get("finalizers", ()) if name != FINALIZER]
        body = {
            "metadata": {
                "resourceVersion": meta["resourceVersion"],
                "finalizers": [*others, FINALIZER] if add else others,
            }
        }
        try:
            return await self._gateway.merge_patch(
                MODEL_VERSIONS, namespace=meta["namespace"], name=meta["name"], body=body
            )
        except NotFoundError:
            if add:
                raise
            return obj

    async def _status(self, obj: Object, status: ModelVersionStatus) -> Object:
        spec, meta = obj["spec"], obj["metadata"]
        self._metrics.show(
            namespace=meta["namespace"], model=spec["model"], version=str(spec.get("version")), status=status
        )
        before = read_status(obj)
        if before == status and "status" in obj:
            return obj
        body = status.model_dump(mode="json", by_alias=True, exclude_none=True)
        if before.model_dump(mode="json", by_alias=True, exclude_none=True) == body and "status" in obj:
            return obj
        identity = {name: meta[name] for name in ("name", "namespace", "resourceVersion")}
        written = {"apiVersion": API_VERSION, "kind": KIND, "metadata": identity, "status": body}
        answer = await self._gateway.apply(MODEL_VERSIONS, written, sub="status")
        self._tell(obj, before, status)
        return answer

    async def _invalid(self, obj: Object, status: ModelVersionStatus) -> Object:
        """Say what is wrong with an object that cannot be read; an API server may refuse even that."""
        try:
            return await self._status(obj, status)
        except InvalidError as error:
            log.warning(
                "%s", error, extra={"namespace": obj["metadata"]["namespace"], "object": obj["metadata"]["name"]}
            )
            return obj

    def _tell(self, obj: Object, before: ModelVersionStatus, status: ModelVersionStatus) -> None:
        told = transition(before, status)
        if told is None:
            return
        meta, spec = obj["metadata"], obj["spec"]
        log.info(
            told.note,
            extra={
                "namespace": meta["namespace"],
                "model": spec["model"],
                "version": spec["version"],
                "phase": str(status.phase),
                "reason": told.reason,
            },
        )
        about = {"apiVersion": API_VERSION, "kind": KIND, "metadata": meta}
        self._events.record(Event(about=about, kind=told.kind, reason=told.reason, action=told.action, note=told.note))
        self._notify(obj, told, status)


def _was_decided(snapshot: Snapshot, plan: Plan) -> bool:
    """Whether a plan's route gives nobody more than his status says already, and so can do without the new ones."""
    return plan.route is not None and all(
        plan.route.weight(version.backend.name) <= (version.status.desired_weight or 0) for version in snapshot.versions
    )


def _is_said(error: ApiError) -> bool:
    """Whether the API server said what is wrong, which is not so while it is away or asks to wait."""
    return isinstance(error, InvalidError) or error.status >= _SERVER_ERROR


def _same_route(live: Object, body: Object) -> bool:
    """Whether a route is as it was rendered, to the last field: a rule or a time limit more is another route."""
    return bool(live["spec"] == body["spec"]) and covers(live["metadata"], body["metadata"])


def _identity(snapshot: Snapshot) -> Mapping[str, str]:
    return {"namespace": snapshot.namespace, "model": snapshot.model}
