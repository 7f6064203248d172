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
from datetime import UTC, datetime
from functools import partial
from urllib.parse import urlsplit

import aiohttp
from kubernetes.aio.client import ApiClient

from ..kube.errors import ApiError
from ..kube.events import EventRecorder
from ..kube.gateway import Gateway, Object
from ..kube.lease import Lease
from ..kube.pace import Pace
from ..kube.reflector import Key
from ..kube.workqueue import WorkQueue
from ..serving.pods import PodAddress, pod_addresses
from . import act_outcomes, ledger_endpoint, probes, resources
from .apply import Applier
from .checkpoints import Checkpoints
from .following import Following
from .ledger_access import LedgerAccess
from .metrics import Metrics
from .notifications import Notifications
from .observe import Installation
from .preflight import Preflights, Subject
from .reconciler import Reconciler
from .recording import Recorder
from .sampling import Sampling
from .settings import Settings
from .watchlist import News
from .workers import WORKERS, Workers

log = logging.getLogger(__name__)

_RESYNC_SECONDS = 600
_DRAIN_SECONDS = 15
_FLUSH_SECONDS = 2
_TAKE_OVER_SECONDS = 5


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
        self._following = Following(
            gateway=self._gateway,
            namespaces=settings.watch_namespaces,
            changed=self._changed,
            seen=lambda obj: self._recorder.see(obj),
            gone=self._gone,
            acted=lambda act, version: self._recorder.see_act(act, version),
        )
        self._copies = self._following.copies
        self._ledger = LedgerAccess(settings.ledger_url)
        self._recorder = Recorder(
            ledger=self._ledger.write,
            recorded=self._copies.recorded,
            versions=self._copies.versions.all,
            acts=self._following.acts,
            changed=self._changed,
            clock=lambda: datetime.now(UTC),
        )
        self._checkpoints = Checkpoints(
            gateway=self._gateway,
            namespace=settings.namespace,
            ledger=self._ledger.of,
            configuration=settings.digest,
            clock=lambda: datetime.now(UTC),
        )
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
        destinations = [one.destination for one in settings.notifications]
        for one in destinations:
            self._metrics.has_destination(one.name)
        self._notifications = Notifications(destinations, count=self._metrics.notified)
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
            record=self._recorder,
            notify=self._notifications.tell,
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
            found=self._sampling.found,
            rolled_back=self._metrics.sample_to_route.observe,
            clock=lambda: datetime.now(UTC),
        )
        self._workers = Workers(
            queue=self._queue, reconcile=reconciler.reconcile, pace=self._pace, metrics=self._metrics.runtime
        )
        self._metrics.queue.watch(depth=lambda: len(self._queue), working=self._queue.working)
        for namespace in ("", *settings.prometheus_namespaces):
            self._metrics.watch_prometheus(namespace, up=partial(self._prometheus_is_up, namespace))
        self._metrics.watch_ledger(
            up=lambda: self._copies.recorded.possible and self._checkpoints.up,
            lag=lambda: self._recorder.lag,
            head=lambda: self._checkpoints.head_seq,
        )
        self._metrics.runtime.watch_lease(settings.lease_name, holds=self._lease.holds)
        self._metrics.runtime.has_workers(WORKERS)

    async def run(self, stop: asyncio.Event) -> None:
        """Run until told to stop; then let the workers finish what they are at, and give the lease up.

        Raises:
            ExceptionGroup: when a part of the operator ended by itself, or the lease was lost.
        """
        runner = await probes.serve(registry=self._metrics.registry, alive=self._alive, ready=self._following.synced)
        readers = await ledger_endpoint.serve(self._ledger.read, port=ledger_endpoint.PORT)
        try:
            async with asyncio.TaskGroup() as group:
                parts = [group.create_task(copy.run()) for copy in self._following.all]
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
                    await asyncio.gather(runner.cleanup(), readers.cleanup())
            self._ledger.close()

    async def _lead(self) -> None:
        """Wait for the lease, then act until the queue is closed."""
        for copy in self._following.all:
            await copy.synced.wait()
        gc.collect()
        gc.freeze()  # the copies stay: looking through them for garbage would stop the loop for a tenth of a second
        log.info("copies are in sync")
        await self._lease.acquire()
        log.info("leading")
        self._leading = True
        self._recorder.begin()
        async with asyncio.TaskGroup() as group:
            parts = (self._lease.keep, self._sampling.run, self._preflights.run, self._resync, self._checkpoints.run)
            telling = (self._events, self._notifications, self._recorder)
            runs = (self._events.run, self._notifications.run, self._record)
            tasks = [group.create_task(part()) for part in (*parts, *runs)]
            await self._workers.run(prepared=self._taken_over)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_FLUSH_SECONDS):
                    await asyncio.gather(*(one.flush() for one in telling))
            for task in tasks:
                task.cancel()

    async def _taken_over(self) -> None:
        """Wait until what an operator before had to record is known to be recorded, if that can be.

        Who adds to outboxes sooner than that, again and again, fills them with what has long been recorded.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_TAKE_OVER_SECONDS):
                await self._recorder.flush()

    async def _record(self) -> None:
        """Record for ever, in the chain that the checkpoint names."""
        await self._checkpoints.begun.wait()
        await self._recorder.run()

    def _answering(self, subject: Subject) -> tuple[PodAddress, ...]:
        return pod_addresses(subject.backend, self._copies.pods.indexed(subject.key))

    def _alive(self) -> bool:
        return not self._workers.stuck() and (not self._leading or self._lease.holds())

    def _gone(self, obj: Object) -> None:
        key = resources.model_of_version(obj)
        self._recorder.gone(obj)
        if key is not None:
            self._metrics.forget(namespace=key[0], model=key[1], version=str(obj["spec"].get("version")))

    def _changed(self, key: Key | None, *, urgent: bool = False) -> None:
        """Look at a model. Who does not lead need not remember: it will look at all of them when it does."""
        if key is not None and self._leading:
            self._queue.add(key, urgent=urgent)

    async def _resync(self) -> None:
        """Look at every model, and again now and then, in case an event was lost."""
        while True:
            self._following.look_at_all()
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
