"""Who leads: a Lease that one process at a time believes to hold.

Clocks of two machines are never compared. A candidate measures by its own monotonic clock for how long it has seen a
record unchanged, and takes the lease only when that is longer than the record's duration. The holder believes in its
lease for a shorter time, counted from before the renewal was sent. So two processes never both believe it, however
long one of them was paused and however late an answer came, as long as their clocks run about equally fast.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .errors import ApiError, NotFoundError
from .gateway import Gateway, Object, Resource

log = logging.getLogger(__name__)

LEASES = Resource("coordination.k8s.io", "v1", "leases")
DURATION = 10.0
"""Seconds after which others may take a lease that is not renewed."""
RENEW_DEADLINE = 7.0
"""Seconds after which the holder of a lease that it cannot renew no longer believes in it."""
_RENEW_SECONDS = 2.0
_TRY_SECONDS, _AGAIN_SECONDS = 1.5, 0.25
"""Three renewals can hang in a row before the deadline, and each is sent anew."""


class LeaseLostError(Exception):
    """The lease was held, and is no longer: whatever this process does may be done by another now."""


@dataclass(frozen=True, slots=True)
class Record:
    """What a Lease says."""

    holder: str
    """Empty when it was released."""
    duration: float
    renewed: str
    """The holder's own time of renewal: a mark that changes, never a time to compare with."""


class LeaseState:
    """What was seen of a lease and when, by the local monotonic clock that every `now` is read from."""

    def __init__(self, identity: str) -> None:
        """Begin without having seen anything, in a name that no other process that is running has."""
        self._identity = identity
        self._seen: Record | None = None
        self._seen_at = 0.0
        self._renewed_at: float | None = None

    def saw(self, record: Record | None, *, now: float) -> None:
        """Take note of what was read, None where there is no Lease. A lease of another's is not ours."""
        if record != self._seen:
            self._seen, self._seen_at = record, now
        if record is None or record.holder != self._identity:
            self._renewed_at = None

    def may_take(self, now: float) -> bool:
        """Whether the lease is ours, nobody's, or has been left unrenewed for longer than it lasts."""
        seen = self._seen
        return seen is None or seen.holder in ("", self._identity) or now - self._seen_at > seen.duration

    def renewed(self, record: Record, *, began: float) -> None:
        """Take note that a renewal sent after `began` was accepted."""
        self._seen, self._seen_at, self._renewed_at = record, began, began

    def give_up(self) -> None:
        """Stop believing in the lease."""
        self._renewed_at = None

    def left(self, now: float) -> float:
        """Seconds for which the lease may still be believed in; 0 or less when it is not held."""
        return 0.0 if self._renewed_at is None else self._renewed_at + RENEW_DEADLINE - now


class Lease:
    """A Lease of the API server, and this process as one of its candidates."""

    def __init__(
        self,
        *,
        gateway: Gateway,
        namespace: str,
        name: str,
        identity: str,
        clock: Callable[[], float],
        wall: Callable[[], datetime],
    ) -> None:
        """Compete for a Lease.

        Args:
            gateway: The API server; its writes must not ask this lease for leave.
            namespace: Where the Lease is.
            name: Its name.
            identity: Who competes. No two processes that run at the same time may share it; one that follows a dead one
                may, and goes on with its lease.
            clock: A monotonic clock in seconds.
            wall: The time in UTC, which people read in the Lease and nobody compares.
        """
        self._gateway = gateway
        self._meta = {"namespace": namespace, "name": name}
        self._identity = identity
        self._state = LeaseState(identity)
        self._clock = clock
        self._wall = wall
        self._live: Object | None = None
        """The Lease as this process last wrote it; None when anything else may have happened since."""

    def holds(self) -> bool:
        """Whether this process may act now."""
        return self._state.left(self._clock()) > 0

    async def acquire(self) -> None:
        """Wait until the lease is held."""
        while True:
            await self._try(_TRY_SECONDS)
            if self.holds():
                return
            await asyncio.sleep(_RENEW_SECONDS * random.uniform(1.0, 1.2))  # noqa: S311 - jitter, not a secret

    async def keep(self) -> None:
        """Renew for ever.

        Raises:
            LeaseLostError: when another holds it, or when no renewal succeeded within the deadline.
        """
        pause = _RENEW_SECONDS
        while (left := self._state.left(self._clock())) > 0:
            await asyncio.sleep(min(pause, left))
            good = await self._try(min(_TRY_SECONDS, self._state.left(self._clock())))
            pause = _RENEW_SECONDS if good else _AGAIN_SECONDS
        raise LeaseLostError(f"the lease {self._meta['namespace']}/{self._meta['name']} is lost")

    async def release(self) -> None:
        """Give the lease up if it is held, so that another need not wait for its end. Best effort, bounded."""
        if not self.holds():
            return
        self._state.give_up()  # first stop believing, then say so
        try:
            async with asyncio.timeout(_TRY_SECONDS):
                live = self._live or await self._read()
                if live is None or _record(live).holder != self._identity:
                    return
                await self._write(live, holder="", duration=1)
        except (ApiError, TimeoutError) as error:
            log.warning("the lease was not released: %s", str(error) or "no answer in time")
        else:
            log.info("the lease is released")

    async def _try(self, seconds: float) -> bool:
        """Take or renew the lease if that may be done. False when there was no answer, or a refusal."""
        try:
            async with asyncio.timeout(seconds):
                await self._take()
        except (ApiError, TimeoutError) as error:
            log.warning("the lease was not renewed: %s", str(error) or "no answer in time")
            return False
        return True

    async def _take(self) -> None:
        live, self._live = self._live, None
        if live is None:
            live = await self._read()
            self._state.saw(_record(live) if live else None, now=self._clock())
        if not self._state.may_take(self._clock()):
            return
        began = self._clock()
        written = await self._write(live, holder=self._identity, duration=int(DURATION))
        self._state.renewed(_record(written), began=began)
        self._live = written

    async def _read(self) -> Object | None:
        try:
            return await self._gateway.get(LEASES, **self._meta)
        except NotFoundError:
            return None

    async def _write(self, live: Object | None, *, holder: str, duration: int) -> Object:
        """Create the Lease, or replace it as it was read: a change in between is refused by the API server."""
        now = self._wall().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        before: Any = live.get("spec", {}) if live else {}
        same = before.get("holderIdentity") == holder
        spec = {
            "holderIdentity": holder,
            "leaseDurationSeconds": duration,
            "acquireTime": before.get("acquireTime", now) if same else now,
            "renewTime": now,
            "leaseTransitions": before.get("leaseTransitions", 0) + int(live is not None and bool(holder) and not same),
        }
        if live is None:
            body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": self._meta, "spec": spec}
            return await self._gateway.create(LEASES, namespace=self._meta["namespace"], body=body)
        return await self._gateway.replace(LEASES, {**live, "spec": spec})


def _record(live: Object) -> Record:
    spec = live.get("spec", {})
    return Record(
        holder=spec.get("holderIdentity", ""),
        duration=float(spec.get("leaseDurationSeconds", DURATION)),
        renewed=spec.get("renewTime", ""),
    )
