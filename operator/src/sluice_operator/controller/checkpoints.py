"""Where the ledger ends, kept outside of its database: who cuts its end off, or makes all of it anew, is found out.

The checkpoint is a ConfigMap beside the operator. It is made before the first record, and says which chain is this
installation's: no other is written to. It only ever moves forward along that chain: a ledger that has lost what it
names, or is another one, is told of, and the checkpoint stays until somebody changes it.
"""

import asyncio
import logging
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from ..kube.errors import ApiError, NotFoundError
from ..kube.gateway import Gateway, Object, Resource
from ..ledger.entry import Entry
from ..ledger.errors import LedgerError
from ..ledger.record import GENESIS, Head, Record, digest
from ..ledger.store import Ledger
from .outboxes import OPERATOR

log = logging.getLogger(__name__)

CONFIG_MAPS = Resource("", "v1", "configmaps")
NAME = "sluice-ledger-head"
_EVERY_SECONDS = 30.0
_AGAIN_SECONDS = 5.0


class _StrangeLedgerError(Exception):
    """The ledger does not go on from the checkpoint."""


@dataclass(frozen=True, slots=True)
class _Checkpoint:
    """What the ConfigMap says."""

    head: Head
    configuration: str
    """The configuration that the ledger says is in force."""
    resource_version: str


class Checkpoints:
    """Keeps the checkpoint."""

    def __init__(
        self,
        *,
        gateway: Gateway,
        namespace: str,
        ledger: Callable[[str], Ledger],
        configuration: str,
        clock: Callable[[], datetime],
    ) -> None:
        """Nothing is read yet.

        Args:
            gateway: The API server.
            namespace: Where the operator runs.
            ledger: Gives the ledger, which must be a certain chain; called from threads, it may raise LedgerError.
            configuration: A hash of all settings: the ledger says whenever another one is in force.
            clock: The time, with a time zone.
        """
        self._gateway = gateway
        self._namespace = namespace
        self._ledger = ledger
        self._configuration = configuration
        self._clock = clock
        self._known: _Checkpoint | None = None
        self.begun = asyncio.Event()
        """Whether it was looked at: what is in force is recorded then, if anything can be."""
        self.head_seq = 0
        """How many records the ledger had when it was last asked."""
        self.up = True
        """Whether the ledger answered when it was last asked, and goes on from the checkpoint."""

    async def run(self) -> None:
        """Keep it for ever."""
        while True:
            done = await self.look()
            self.begun.set()
            await asyncio.sleep(_EVERY_SECONDS if done else _AGAIN_SECONDS)

    async def look(self) -> bool:
        """Bring it to where the ledger ends; False where that cannot be, which is told."""
        try:
            await self._keep()
        except ApiError as error:
            log.warning("the ledger's checkpoint is not written: %s", error)
            self._known = None
            return False
        except (LedgerError, _StrangeLedgerError) as error:
            if self.up:
                log.error("%s", error)
            self.up = False
            return False
        except Exception:
            if self.up:
                log.exception("looking after the ledger's checkpoint failed")
            self.up = False
            return False
        self.up = True
        return True

    async def _keep(self) -> None:
        known = self._known = self._known or await self._read() or await self._made()
        head = await asyncio.to_thread(self._brought_up_to_date, known)
        self.head_seq = head.seq
        if (known.head, known.configuration) == (head, self._configuration):
            return
        data = {"chain": head.chain, "seq": str(head.seq), "digest": head.digest, "configuration": self._configuration}
        self._known = _read(await self._write(known, data))

    def _brought_up_to_date(self, known: _Checkpoint) -> Head:
        """Where the ledger ends, once it says which configuration is in force.

        Raises:
            LedgerError: It is away.
            _StrangeLedgerError: It is not the one that the checkpoint is of.
        """
        if not known.head.chain:
            raise _StrangeLedgerError(f"ConfigMap {NAME} names no chain: somebody spoilt it; see docs/ledger.md")
        ledger = self._ledger(known.head.chain)
        _goes_on(ledger, known.head)
        if known.configuration != self._configuration:
            ledger.append([self._configured(known)])
        return ledger.head()

    def _configured(self, known: _Checkpoint) -> Entry:
        """The id is the same until the checkpoint has the configuration: however often tried, it is recorded once."""
        before, since = known.configuration, known.head.seq
        body = {"configuration": self._configuration, **OPERATOR, **({"before": before} if before else {})}
        return Entry(
            id=f"configuration/{since}/{before[-16:]}/{self._configuration[-16:]}",
            time=self._clock(),
            type="Configuration",
            subject={"installation": self._namespace},
            actor=OPERATOR,
            body=body,
        )

    async def _read(self) -> _Checkpoint | None:
        try:
            return _read(await self._gateway.get(CONFIG_MAPS, namespace=self._namespace, name=NAME))
        except NotFoundError:
            return None

    async def _made(self) -> _Checkpoint:
        """The first checkpoint, of a chain that has no record yet."""
        place = {"namespace": self._namespace, "name": NAME}
        data = {"chain": str(uuid.uuid4()), "seq": "0", "digest": GENESIS}
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": place, "data": data}
        return _read(await self._gateway.create(CONFIG_MAPS, namespace=self._namespace, body=body))

    async def _write(self, known: _Checkpoint, data: Mapping[str, str]) -> Object:
        place = {"namespace": self._namespace, "name": NAME}
        changed = {"metadata": {"resourceVersion": known.resource_version}, "data": data}
        return await self._gateway.merge_patch(CONFIG_MAPS, **place, body=changed)


def _read(obj: Object) -> _Checkpoint:
    """The checkpoint in a ConfigMap. One that somebody spoilt names no record, and so no ledger goes on from it.

    One of a chain alone is that of a person who has a ledger that there is gone on with.
    """
    data = obj.get("data") or {}
    seq = data.get("seq", "" if "digest" in data else "0")
    head = Head(
        chain=data.get("chain", ""),
        seq=int(seq) if seq.isascii() and seq.isdigit() and len(seq) < 16 else -1,
        digest=data.get("digest", ""),
    )
    return _Checkpoint(head, data.get("configuration", ""), obj["metadata"]["resourceVersion"])


def _goes_on(ledger: Ledger, checkpoint: Head) -> None:
    """See that the record which a checkpoint names is in the ledger.

    Raises:
        LedgerError: It is away.
        _StrangeLedgerError: It is not.
    """
    if checkpoint.seq == 0:
        return
    found = ledger.records(after_seq=checkpoint.seq - 1, limit=1) if checkpoint.seq > 0 else []
    record = found[0] if found else None
    if not isinstance(record, Record) or (record.seq, digest(record)) != (checkpoint.seq, checkpoint.digest):
        raise _StrangeLedgerError(
            f"the ledger does not have record {checkpoint.seq}, which ConfigMap {NAME} names: it was cut off, changed "
            "or replaced. The checkpoint stays as it is; see docs/ledger.md"
        )
