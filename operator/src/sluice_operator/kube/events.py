"""Kubernetes Events about what happened to an object. Telling never delays or fails what it tells of."""

import asyncio
import logging
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from .errors import ApiError, NotFoundError
from .event_series import Correlator, Series
from .gateway import Gateway, Object, Resource

log = logging.getLogger(__name__)

EVENTS = Resource("events.k8s.io", "v1", "events")
_NOTE_BYTES = 1024
_WAITING = 1000


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to an object."""

    about: Object
    kind: Literal["Normal", "Warning"]
    reason: str
    """One CamelCase word."""
    action: str
    """What the controller did, in one CamelCase word."""
    note: str


class EventRecorder:
    """Writes events from a bounded queue; when it is full they are dropped, and the log says so."""

    def __init__(self, *, gateway: Gateway, instance: str) -> None:
        """Write in the name of an instance of the operator."""
        self._gateway = gateway
        self._instance = instance
        self._queue: asyncio.Queue[tuple[Event, datetime]] = asyncio.Queue(maxsize=_WAITING)
        self._correlator = Correlator()

    def record(self, event: Event) -> None:
        """Tell of an event, without waiting."""
        try:
            self._queue.put_nowait((event, datetime.now(UTC)))
        except asyncio.QueueFull:
            log.warning("an event was dropped: %s", event.reason)

    async def run(self) -> None:
        """Write for ever."""
        while True:
            event, now = await self._queue.get()
            try:
                await self._write(event, now)
            except ApiError as error:
                meta = event.about["metadata"]
                about = {"namespace": meta["namespace"], "object": meta["name"], "reason": event.reason}
                log.warning("an event was not written: %s", error, extra=about)
            finally:
                self._queue.task_done()

    async def flush(self) -> None:
        """Wait until all that was told is written."""
        await self._queue.join()

    async def _write(self, event: Event, now: datetime) -> None:
        uid = event.about["metadata"]["uid"]
        what = (uid, event.kind, event.reason, event.action, event.note)
        series = self._correlator.tell(what, about=uid, now=asyncio.get_running_loop().time())
        if series is None:
            return
        namespace = event.about["metadata"]["namespace"]
        if series.written_as is not None:
            body = {"series": _render_series(series, now)}
            try:
                await self._gateway.merge_patch(EVENTS, namespace=namespace, name=series.written_as, body=body)
            except NotFoundError:
                series.written_as = None  # Events expire
        if series.written_as is None:
            body = render_event(event, instance=self._instance, now=now)
            if series.count > 1:
                body["series"] = _render_series(series, now)
            await self._gateway.create(EVENTS, namespace=namespace, body=body)
            series.written_as = body["metadata"]["name"]


def render_event(event: Event, *, instance: str, now: datetime) -> Object:
    """The Event object, in events.k8s.io/v1."""
    meta = event.about["metadata"]
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {
            "name": f"{meta['name'][:200]}.{uuid.uuid4().hex[:16]}",
            "namespace": meta["namespace"],
        },
        "eventTime": _micro_time(now),
        "type": event.kind,
        "reason": event.reason,
        "action": event.action,
        "note": event.note.encode()[:_NOTE_BYTES].decode(errors="ignore"),
        "reportingController": "sluice.dev/operator",
        "reportingInstance": instance[:128],
        "regarding": {
            "apiVersion": event.about["apiVersion"],
            "kind": event.about["kind"],
            "name": meta["name"],
            "namespace": meta["namespace"],
            "uid": meta["uid"],
        },
    }


def _render_series(series: Series, now: datetime) -> Object:
    return {"count": series.count, "lastObservedTime": _micro_time(now)}


def _micro_time(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
