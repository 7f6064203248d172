"""What the record says of all that happened on a stage."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Iterator
from typing import Any

from hack.testbed.client import CONFIG_MAPS, Object
from hack.testbed.controlplane import OTHER_RELEASE_NAMESPACE, RELEASE_NAMESPACE
from sluice_operator.ledger.record import Head, Record
from sluice_operator.ledger.store import Ledger
from sluice_operator.ledger.verify import verify
from tests.integration.operator.stage import SECONDS, Stage

_POLL_SECONDS = 0.1
_CHECKPOINT = "sluice-ledger-head"


def records(stage: Stage) -> list[Record]:
    """The whole record, which verifies."""
    ledger = Ledger.open(f"sqlite:///{stage.operator.ledger}")
    try:
        with ledger.whole() as whole:
            found = list(whole.records())
            assert verify(found, head=whole.head) == []
    finally:
        ledger.close()
    return [record for record in found if isinstance(record, Record)]


def path(found: list[Record], uid: str) -> list[dict[str, Any]]:
    """Where a version has been: every transition begins where the one before it ended."""
    seen: list[dict[str, Any]] = [{}]
    for record in found:
        if record.type == "Transition" and record.subject["uid"] == uid:
            assert record.body["from"] == seen[-1], f"{record.subject}: {seen[-1]} is followed by {record.body}"
            seen.append(dict(record.body["to"]))
    return seen


def where(version: Object) -> dict[str, Any]:
    """What of a version's status transitions tell of."""
    status = version.get("status", {})
    return {name: status[name] for name in ("attempt", "phase", "step", "weight", "desiredWeight") if name in status}


async def until_recorded(stage: Stage) -> list[Record]:
    """Wait until the record says of every version how it came where it is, without a gap and nothing twice."""

    def missing() -> list[str]:
        found = records(stage)
        return [
            f"{name}: {path(found, one['metadata']['uid'])[-1]} is recorded, it is {where(one)}"
            for name, one in stage.observer.versions().items()
            if path(found, one["metadata"]["uid"])[-1] != where(one)
        ]

    left = ["nothing was looked at"]
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SECONDS):
            while left := await asyncio.to_thread(missing):  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(_POLL_SECONDS)
    assert left == [], stage.operator.log()[-3000:]
    return records(stage)


async def checkpointed(stage: Stage) -> None:
    """Wait until the checkpoint names the end of the record."""
    async with asyncio.timeout(SECONDS):
        while True:
            last = await asyncio.to_thread(_head, stage)
            for release in (RELEASE_NAMESPACE, OTHER_RELEASE_NAMESPACE):
                for one in await stage.client.items(CONFIG_MAPS, namespace=release):
                    data = one["data"]
                    if one["metadata"]["name"] == _CHECKPOINT and _named(data) == last:
                        return
            await asyncio.sleep(_POLL_SECONDS)


def _named(data: dict[str, str]) -> Head:
    return Head(data["chain"], int(data["seq"]), data["digest"])


def _head(stage: Stage) -> Head:
    ledger = Ledger.open(f"sqlite:///{stage.operator.ledger}")
    try:
        return ledger.head()
    finally:
        ledger.close()


@contextlib.contextmanager
def away(stage: Stage) -> Iterator[None]:
    """Keep everybody else from writing to the database while the block runs."""
    with contextlib.closing(sqlite3.connect(stage.operator.ledger, isolation_level=None)) as database:
        database.execute("BEGIN EXCLUSIVE")
        yield
        database.execute("ROLLBACK")
