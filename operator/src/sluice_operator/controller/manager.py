"""Wires the operator together and runs it until it is told to stop.

Every process keeps its copies in sync; only the one that leads has workers, samples Prometheus and writes. Any part
that ends ends the process, and so does losing the lease: Kubernetes starts it again, and everything it needs to know
is in the cluster.
"""

import asyncio
import contextlib
import gc
import logging
import random
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from urllib.parse import urlsplit

import aiohttp
from kubernetes.aio.client import ApiClient

from ..api.labels import MODEL_LABEL
from ..kube.errors import ApiError
from ..kube.events import EventRecorder
from ..kube.gateway import Gateway, Object, Resource
from ..kube.lease import Lease
from ..kube.pace import Pace
from ..kube.reflector import Key, Reflector, key_of
from ..kube.workqueue import WorkQueue
from ..routing.httproute import read_route
from ..serving.pods import PodAddress, pod_addresses
from . import act_outcomes, probes, resources
from .apply import Applier
from .claims import Claims
from .metrics import Metrics
from .observe import Copies, Installation
from .preflight import Preflights, Subject
from .reconciler import Reconciler
from .sampling import Sampling
from .settings import Settings
from .watchlist import News, has_traffic
from .workers import WORKERS, Workers

log = logging.getLogger(__name__)

_RESYNC_SECONDS = 600
_DRAIN_SECONDS = 15
_FLUSH_SECONDS = 2


class Manager:
    """The running operator."""

    def __init__(self, *, settings: Settings, api: ApiClient, session: aiohttp.ClientSession) -> None:
        """Wire the parts; nothing runs yet."""
        self._metrics = Metrics()
        asked = self._metrics.runtime.asked(host=urlsplit(api.configuration.host).netloc)
        self._lease = Lease(
            gateway=Gateway(api, asked=asked),
            namespace=settings.namespace,
            name=settings.lease_name,
            identity=settings.pod_name,
            clock=time.monotonic,
            wall=lambda: datetime.now(UTC),
        )
        self._leading = False
        self._pace = Pace(settings.writes_per_second, clock=time.monotonic)

        def asked_and_paced(method: str, code: str) -> None:
            asked(method, code)
            if method != "GET":
                self._pace.wrote()

        self._gateway = Gateway(api, may_write=self._lease.holds, asked=asked_and_paced)
        self._queue: WorkQueue[Key] = WorkQueue(self._metrics.queue)
        self._copies = self._make_copies(settings.watch_namespaces)
        self._events = EventRecorder(gateway=self._gateway, instance=settings.pod_name)
        self._sampling = Sampling(
            shared=settings.prometheus,
            own={namespace: one.access for namespace, one in settings.prometheus_namespaces.items()},
            session=session,
            interval=settings.interval,
            versions=self._copies.versions.all,
            tell=self._answered,
            clock=lambda: datetime.now(UTC).timestamp(),
        )
        installation = Installation(
            gateway=settings.gateway,
            default_runtime=settings.default_runtime,
            acts_admitted=settings.acts_admitted,
        )
        applier = Applier(
            gateway=self._gateway,
            copies=self._copies,
            installation=installation,
            events=self._events,
            metrics=self._metrics,
        )
        self._preflights = Preflights(pods=self._answering, changed=self._changed)
        reconciler = Reconciler(
            gateway=self._gateway,
            copies=self._copies,
            installation=installation,
            applier=applier,
            preflights=self._preflights,
            sample=self._sampling.last,
            rolled_back=self._metrics.sample_to_route.observe,
            clock=lambda: datetime.now(UTC),
        )
        self._workers = Workers(
            queue=self._queue, reconcile=reconciler.reconcile, pace=self._pace, metrics=self._metrics.runtime
        )
        self._metrics.queue.watch(depth=lambda: len(self._queue), working=self._queue.working)
        for namespace in ("", *settings.prometheus_namespaces):
            self._metrics.watch_prometheus(namespace, up=partial(self._prometheus_is_up, namespace))
        self._metrics.runtime.watch_lease(settings.lease_name, holds=self._lease.holds)
        self._metrics.runtime.has_workers(WORKERS)

    async def run(self, stop: asyncio.Event) -> None:
        """Run until told to stop; then let the workers finish what they are at, and give the lease up.

        Raises:
            ExceptionGroup: when a part of the operator ended by itself, or the lease was lost.
        """
        runner = await probes.serve(registry=self._metrics.registry, alive=self._alive, ready=self._synced)
        try:
            async with asyncio.TaskGroup() as group:
                parts = [group.create_task(copy.run()) for copy in self._all_copies()]
                parts.append(group.create_task(self._lead()))
                await stop.wait()
                log.info("stopping")
                self._queue.close()
                if self._leading:
                    await asyncio.wait(parts[-1:], timeout=_DRAIN_SECONDS)
                for part in parts:
                    part.cancel()
        finally:
            await self._lease.release()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(2):
                    await runner.cleanup()

    async def _lead(self) -> None:
        """Wait for the lease, then act until the queue is closed."""
        for copy in self._all_copies():
            await copy.synced.wait()
        gc.collect()
        gc.freeze()  # the copies stay: looking through them for garbage would stop the loop for a tenth of a second
        log.info("copies are in sync")
        await self._lease.acquire()
        log.info("leading")
        self._leading = True
        async with asyncio.TaskGroup() as group:
            parts = (self._lease.keep, self._sampling.run, self._preflights.run, self._resync, self._events.run)
            tasks = [group.create_task(part()) for part in parts]
            await self._workers.run()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_FLUSH_SECONDS):
                    await self._events.flush()
            for task in tasks:
                task.cancel()

    def _make_copies(self, namespaces: Sequence[str]) -> Copies:
        def labelled(resource: Resource, changed: Callable[[Object], None], *, selector: str = "") -> Reflector:
            return Reflector(
                gateway=self._gateway,
                namespaces=namespaces,
                resource=resource,
                changed=changed,
                index=resources.model_of_labelled,
                label_selector=selector,
            )

        return Copies(
            versions=Reflector(
                gateway=self._gateway,
                namespaces=namespaces,
                resource=resources.MODEL_VERSIONS,
                changed=self._version_changed,
                index=resources.model_of_version,
            ),
            services=labelled(resources.INFERENCE_SERVICES, self._backend_changed),
            routes=labelled(resources.HTTP_ROUTES, self._route_changed),
            pods=labelled(resources.PODS, self._backend_changed, selector=MODEL_LABEL),
            policies=Reflector(
                gateway=self._gateway,
                namespaces=namespaces,
                resource=resources.ROLLOUT_POLICIES,
                changed=self._policy_changed,
                index=resources.namespace_of,
            ),
            acts=Reflector(
                gateway=self._gateway,
                namespaces=namespaces,
                resource=resources.ROLLOUT_ACTIONS,
                changed=self._act_changed,
                index=resources.version_of_act,
            ),
            claims=Claims(self._changed),
        )

    def _answering(self, subject: Subject) -> tuple[PodAddress, ...]:
        return pod_addresses(subject.backend, self._copies.pods.indexed(subject.key))

    def _all_copies(self) -> tuple[Reflector, ...]:
        copies = self._copies
        return copies.versions, copies.services, copies.routes, copies.pods, copies.policies, copies.acts

    def _synced(self) -> bool:
        return all(copy.synced.is_set() for copy in self._all_copies())

    def _alive(self) -> bool:
        return not self._workers.stuck() and (not self._leading or self._lease.holds())

    def _version_changed(self, obj: Object) -> None:
        key = resources.model_of_version(obj)
        if key is None:
            return
        meta = obj["metadata"]
        if self._copies.versions.get((meta["namespace"], meta["name"])) is None:
            self._metrics.forget(namespace=key[0], model=key[1], version=str(obj["spec"].get("version")))
        self._changed(key)

    def _route_changed(self, obj: Object) -> None:
        key = resources.model_of_labelled(obj)
        if key is not None and key == key_of(obj):
            made = datetime.fromisoformat(obj["metadata"]["creationTimestamp"])
            reached = read_route(self._copies.routes.get(key)).addresses
            self._copies.claims.follow(key, {at.hostname for at in reached}, since=made)
        self._changed(key)

    def _act_changed(self, obj: Object) -> None:
        about = resources.version_of_act(obj)
        version = self._copies.versions.get(about) if about is not None else None
        self._changed(resources.model_of_version(version) if version is not None else None, urgent=True)

    def _policy_changed(self, obj: Object) -> None:
        for version in self._copies.versions.all():
            if version["metadata"]["namespace"] == obj["metadata"]["namespace"]:
                self._changed(resources.model_of_version(version))

    def _backend_changed(self, obj: Object) -> None:
        """What becomes of pods is urgent while a candidate has traffic: it may have none left to answer it."""
        key = resources.model_of_labelled(obj)
        self._changed(key, urgent=key is not None and any(map(has_traffic, self._copies.versions.indexed(key))))

    def _changed(self, key: Key | None, *, urgent: bool = False) -> None:
        """Look at a model. Who does not lead need not remember: it will look at all of them when it does."""
        if key is not None and self._leading:
            self._queue.add(key, urgent=urgent)

    async def _resync(self) -> None:
        """Look at every model, and again now and then, in case an event was lost."""
        while True:
            # The oldest first: of several that claim one host name the one that came first has it.
            for obj in sorted(self._copies.versions.all(), key=lambda obj: str(obj["metadata"]["creationTimestamp"])):
                self._changed(resources.model_of_version(obj))
            for copy in (self._copies.services, self._copies.routes):
                for obj in copy.all():
                    self._changed(resources.model_of_labelled(obj))
            await self._end_stray_acts()
            await asyncio.sleep(_RESYNC_SECONDS * random.uniform(0.8, 1.2))  # noqa: S311 - jitter, not a secret

    async def _end_stray_acts(self) -> None:
        try:
            await act_outcomes.end_strays(
                self._gateway, acts=self._copies.acts, versions=self._copies.versions, now=datetime.now(UTC)
            )
        except ApiError as error:
            log.warning("acts on versions that are not there: %s", error)

    def _answered(self, news: News) -> None:
        for key in news.others:
            self._queue.add(key)
        for key in news.failing:
            self._queue.add(key, urgent=True)

    def _prometheus_is_up(self, namespace: str) -> bool:
        return self._sampling.last(namespace).problem is None
