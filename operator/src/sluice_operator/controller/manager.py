"""Wires the operator together and runs it until it is told to stop.

Reflectors feed the queue, workers take from it; the sampler wakes the models that have traffic on a candidate. Any task
that ends ends the process: Kubernetes starts it again, and everything it needs to know is in the cluster.
"""

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from datetime import UTC, datetime

import aiohttp
from kubernetes.aio.client import ApiClient

from ..api.labels import MODEL_LABEL
from ..kube.errors import ApiError, ConflictError
from ..kube.events import EventRecorder
from ..kube.gateway import Gateway, Object, Resource
from ..kube.reflector import Key, Reflector
from ..kube.workqueue import WorkQueue
from ..prometheus.client import PrometheusClient
from ..prometheus.predictor import Target
from ..prometheus.sampler import Sampler
from ..rollout.settings import merge
from ..routing.httproute import Gateway as RouteGateway
from . import probes, resources
from .apply import Applier
from .metrics import CONTROLLER, Metrics
from .observe import ON_TRAFFIC, Copies, Installation, read_status
from .reconciler import Reconciler
from .settings import Settings

log = logging.getLogger(__name__)

_WORKERS = 4
_RECONCILE_SECONDS = 60
_RESYNC_SECONDS = 600
_FLUSH_SECONDS = 2


class Manager:
    """The running operator."""

    def __init__(self, *, settings: Settings, api: ApiClient, session: aiohttp.ClientSession) -> None:
        """Wire the parts; nothing runs yet."""
        self._queue: WorkQueue[Key] = WorkQueue()
        self._metrics = Metrics()
        self._gateway = Gateway(api)
        self._copies = self._make_copies()
        self._events = EventRecorder(gateway=self._gateway, instance=settings.pod_name)
        self._sampler = Sampler(
            client=PrometheusClient(url=settings.prometheus_url, session=session),
            interval=settings.interval,
            watched=self._watched,
            answered=self._answered,
            clock=lambda: datetime.now(UTC).timestamp(),
        )
        installation = Installation(
            gateway=RouteGateway(
                name=settings.gateway_name, namespace=settings.gateway_namespace, domain=settings.domain
            ),
            default_runtime=settings.default_runtime,
        )
        applier = Applier(
            gateway=self._gateway,
            copies=self._copies,
            installation=installation,
            events=self._events,
            metrics=self._metrics,
        )
        self._reconciler = Reconciler(
            gateway=self._gateway,
            copies=self._copies,
            installation=installation,
            applier=applier,
            sample=lambda: self._sampler.last,
            rolled_back=self._metrics.sample_to_route.observe,
            clock=lambda: datetime.now(UTC),
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Run until told to stop; then let the workers finish what they are at.

        Raises:
            ExceptionGroup: when a part of the operator ended by itself.
        """
        runner = await probes.serve(registry=self._metrics.registry, alive=lambda: True, ready=self._synced)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(copy.run()) for copy in self._all_copies()]
                for copy in self._all_copies():
                    await copy.synced.wait()
                log.info("copies are in sync")
                tasks += [group.create_task(self._work()) for _ in range(_WORKERS)]
                tasks += [group.create_task(part()) for part in (self._sampler.run, self._resync, self._events.run)]
                await stop.wait()
                log.info("stopping")
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_FLUSH_SECONDS):
                        await self._events.flush()
                for task in tasks:
                    task.cancel()
        finally:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(2):
                    await runner.cleanup()

    def _make_copies(self) -> Copies:
        def labelled(resource: Resource, *, selector: str = "") -> Reflector:
            return Reflector(
                gateway=self._gateway,
                resource=resource,
                changed=self._labelled_changed,
                index=resources.model_of_labelled,
                label_selector=selector,
            )

        return Copies(
            versions=Reflector(
                gateway=self._gateway,
                resource=resources.MODEL_VERSIONS,
                changed=self._version_changed,
                index=resources.model_of_version,
            ),
            services=labelled(resources.INFERENCE_SERVICES),
            routes=labelled(resources.HTTP_ROUTES),
            pods=labelled(resources.PODS, selector=MODEL_LABEL),
        )

    def _all_copies(self) -> tuple[Reflector, ...]:
        return self._copies.versions, self._copies.services, self._copies.routes, self._copies.pods

    def _synced(self) -> bool:
        return all(copy.synced.is_set() for copy in self._all_copies())

    def _version_changed(self, obj: Object) -> None:
        key = resources.model_of_version(obj)
        if key is None:
            return
        meta = obj["metadata"]
        if self._copies.versions.get((meta["namespace"], meta["name"])) is None:
            self._metrics.forget(namespace=key[0], model=key[1], version=str(obj["spec"].get("version")))
        self._queue.add(key)

    def _labelled_changed(self, obj: Object) -> None:
        key = resources.model_of_labelled(obj)
        if key is not None:
            self._queue.add(key)

    async def _work(self) -> None:
        while True:
            key = await self._queue.take()
            self._metrics.queue_depth.labels(CONTROLLER).set(len(self._queue))
            try:
                result = await self._reconcile(key)
            finally:
                self._queue.done(key)
            self._metrics.reconciles.labels(CONTROLLER, result).inc()

    async def _reconcile(self, key: Key) -> str:
        """One reconcile, and when to look again. An error never ends the operator."""
        try:
            with self._metrics.reconcile_seconds.labels(CONTROLLER).time():
                async with asyncio.timeout(_RECONCILE_SECONDS):
                    wake_at = await self._reconciler.reconcile(key)
        except ConflictError:
            self._queue.add_failed(key)
            return "error"
        except (ApiError, TimeoutError) as error:
            log.warning("%s", error, extra={"namespace": key[0], "model": key[1]})
            self._queue.add_failed(key)
            return "error"
        except Exception:
            log.exception("a reconcile failed", extra={"namespace": key[0], "model": key[1]})
            self._queue.add_failed(key)
            return "error"
        self._queue.forget(key)
        if wake_at is None:
            return "success"
        self._queue.add_after(key, (wake_at - datetime.now(UTC)).total_seconds())
        return "requeue_after"

    async def _resync(self) -> None:
        """Look at every model now and then, in case an event was lost."""
        while True:
            for obj in list(self._copies.versions.all()):
                self._version_changed(obj)
            await asyncio.sleep(_RESYNC_SECONDS)

    def _watched(self) -> Mapping[Target, float]:
        """The versions whose gates are being asked, and how far back each gate looks at most, in seconds."""
        out: dict[Target, float] = {}
        for obj in self._copies.versions.all():
            status = read_status(obj) if obj.get("status", {}).get("phase") in ON_TRAFFIC else None
            if status is None:
                continue
            settings = status.effective_rollout or merge(None)
            target = Target(obj["metadata"]["namespace"], obj["spec"]["model"], obj["spec"]["version"])
            out[target] = max(gate.limit.window.total_seconds() for gate in settings.analysis.gates)
        return out

    def _answered(self) -> None:
        for target in self._watched():
            self._queue.add((target.namespace, target.model))
