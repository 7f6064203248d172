"""From a plan to writes: only what differs, in the order that keeps traffic safe.

The route comes last: before an increase stand the finalizer that keeps the version from vanishing and the status that
says why. (A rollback does not come this way: see reconciler.py.) Writes carry the resourceVersion that was decided on,
so a decision on something that has changed since is refused by the API server instead of being carried out.
"""

import logging
from collections.abc import Mapping
from typing import Any

from ..api.base import API_VERSION
from ..api.modelversion import KIND, ModelVersionStatus
from ..kube.errors import InvalidError, NotFoundError
from ..kube.events import Event, EventRecorder
from ..kube.gateway import Gateway, Object, Resource
from ..kube.reflector import Key
from ..rollout.plan import Plan
from ..rollout.snapshot import Snapshot, Version
from ..rollout.transitions import transition
from ..routing.httproute import render_route
from ..serving.render import render_inference_service
from .metrics import Metrics
from .observe import Copies, Installation, read_status
from .resources import FINALIZER, HTTP_ROUTES, INFERENCE_SERVICES, MODEL_VERSIONS

log = logging.getLogger(__name__)


def covers(live: Any, wanted: Any) -> bool:
    """Whether an object already says all that is wanted; what the server or others added does not matter."""
    if isinstance(wanted, dict):
        return isinstance(live, dict) and all(covers(live.get(key), value) for key, value in wanted.items())
    if isinstance(wanted, list):
        return isinstance(live, list) and len(live) == len(wanted) and all(map(covers, live, wanted))
    return bool(live == wanted)


class Applier:
    """Carries plans out."""

    def __init__(
        self, *, gateway: Gateway, copies: Copies, installation: Installation, events: EventRecorder, metrics: Metrics
    ) -> None:
        """Write through a gateway what differs from the local copies."""
        self._gateway = gateway
        self._copies = copies
        self._installation = installation
        self._events = events
        self._metrics = metrics
        self._settled: dict[Key, tuple[Object, int]] = {}
        """What was applied to an object, and the generation that came of it: webhooks may alter it."""

    async def apply(self, snapshot: Snapshot, plan: Plan) -> None:
        """Make a plan true.

        Raises:
            ConflictError: when something decided on has changed since; decide again.
        """
        key = (snapshot.namespace, snapshot.model)
        versions = {version.name: version for version in snapshot.versions}
        objects = {obj["metadata"]["name"]: obj for obj in self._copies.versions.indexed(key)}
        for name in plan.guard:
            objects[name] = await self._finalizers(objects[name], add=True)
        for name in (*plan.run, *plan.stop):
            await self._service(snapshot, versions[name], plan, stopped=name in plan.stop)
        for name in filter(plan.statuses.__contains__, versions):
            objects[name] = await self._status(objects[name], plan.statuses[name])
        for invalid in snapshot.invalid:
            await self._invalid(objects[invalid.name], plan.statuses[invalid.name])
        await self.write_route(snapshot, plan, live=self._copies.routes.get(key))
        await self._take_away(snapshot, plan)
        for name in plan.release:
            await self._finalizers(objects[name], add=False)

    async def write_route(self, snapshot: Snapshot, plan: Plan, *, live: Object | None) -> None:
        """Put the plan's table in force, on top of the route that was decided on."""
        if plan.route is None:
            return
        body = render_route(
            model=snapshot.model,
            namespace=snapshot.namespace,
            table=plan.route,
            gateway=self._installation.gateway,
        )
        if await self._write(HTTP_ROUTES, body, live=live):
            log.info("route written", extra={**_identity(snapshot), "weights": dict(plan.route.weights)})

    async def _service(self, snapshot: Snapshot, version: Version, plan: Plan, *, stopped: bool) -> None:
        body = render_inference_service(
            name=version.backend.name,
            namespace=snapshot.namespace,
            owner=version.name,
            spec=version.spec,
            runtime=plan.statuses[version.name].runtime or "",
            stopped=stopped,
        )
        live = self._copies.services.get((snapshot.namespace, version.backend.name))
        if live is not None and not stopped and version.backend.stopped:
            live = {**live, "spec": {}}  # what stopped it must go, and absence is never covered
        await self._write(INFERENCE_SERVICES, body, live=live)

    async def _write(self, resource: Resource, body: Object, *, live: Object | None) -> bool:
        """Create or apply an object unless it already says all that is wanted. True when it was written."""
        meta = body["metadata"]
        key = (resource.plural + "/" + meta["namespace"], meta["name"])
        if live is None:
            await self._gateway.create(resource, namespace=meta["namespace"], body=body)
            return True
        if covers(live, body) or self._settled.get(key) == (body, live["metadata"].get("generation", 0)):
            return False
        version = {"resourceVersion": live["metadata"]["resourceVersion"]}
        written = await self._gateway.apply(resource, {**body, "metadata": {**meta, **version}})
        self._settled[key] = (body, written["metadata"].get("generation", 0))
        return True

    async def _take_away(self, snapshot: Snapshot, plan: Plan) -> None:
        if plan.remove_route:
            await self._delete(HTTP_ROUTES, namespace=snapshot.namespace, name=snapshot.model)
        for name in plan.sweep:
            await self._delete(INFERENCE_SERVICES, namespace=snapshot.namespace, name=name)

    async def _delete(self, resource: Resource, *, namespace: str, name: str) -> None:
        self._settled.pop((resource.plural + "/" + namespace, name), None)
        try:
            await self._gateway.delete(resource, namespace=namespace, name=name)
        except NotFoundError:
            return
        log.info("deleted", extra={"resource": resource.plural, "namespace": namespace, "object": name})

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
        body = status.model_dump(mode="json", by_alias=True, exclude_none=True)
        before = read_status(obj)
        if before.model_dump(mode="json", by_alias=True, exclude_none=True) == body and "status" in obj:
            return obj
        identity = {name: meta[name] for name in ("name", "namespace", "resourceVersion")}
        written = {"apiVersion": API_VERSION, "kind": KIND, "metadata": identity, "status": body}
        answer = await self._gateway.apply(MODEL_VERSIONS, written, sub="status")
        self._tell(obj, before, status)
        return answer

    async def _invalid(self, obj: Object, status: ModelVersionStatus) -> None:
        """Say what is wrong with an object that cannot be read; an API server may refuse even that."""
        try:
            await self._status(obj, status)
        except InvalidError as error:
            log.warning(
                "%s", error, extra={"namespace": obj["metadata"]["namespace"], "object": obj["metadata"]["name"]}
            )

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


def _identity(snapshot: Snapshot) -> Mapping[str, str]:
    return {"namespace": snapshot.namespace, "model": snapshot.model}
