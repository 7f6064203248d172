"""How long what happens to 1,000 rollouts waits until it is recorded, through the operator's own writer.

First all of them move at once, as after an outage of Prometheus; then one moves every 25 ms, which is as many as the
operator writes statuses (`operator.writesPerSecond`, 40). Time is taken as an increase would wait: from the moment at
which the entry stands in the outbox to the moment at which the writer says that it is in the ledger.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from hack.bench.errors import BenchError
from hack.bench.ledger.entries import outbox_entry
from sluice_operator.controller.copies import Recorded
from sluice_operator.controller.recording import Recorder, UnrecordedError
from sluice_operator.ledger.migrate import migrate
from sluice_operator.ledger.store import Ledger

ROLLOUTS = 1000
PER_SECOND = 40.0


@dataclass(frozen=True, slots=True)
class Lags:
    """Seconds that entries waited, in a database."""

    database: str
    burst: tuple[float, ...]
    steady: tuple[float, ...]


def lags(database: str, url: str, *, seconds: float) -> Lags:
    """Measure.

    Args:
        database: Its name, for people.
        url: Of an empty one.
        seconds: That entries come one after the other.

    Raises:
        BenchError: Something was not recorded at all.
    """
    migrate(url)
    ledger = Ledger.open(url)
    try:
        return asyncio.run(_lags(database, ledger, seconds=seconds))
    except UnrecordedError as error:
        raise BenchError(f"not recorded: {error}") from error
    finally:
        ledger.close()


async def _lags(database: str, ledger: Ledger, *, seconds: float) -> Lags:
    recorder = Recorder(
        ledger=lambda: ledger,
        recorded=Recorded(),
        versions=list,
        acts=tuple,
        changed=lambda _key: None,
        clock=lambda: datetime.now(UTC),
    )
    recorder.begin()
    work = asyncio.create_task(recorder.run())
    try:
        await _lag(recorder, 0)  # the connection is made before time is taken
        burst = await asyncio.gather(*(_lag(recorder, number) for number in range(1, ROLLOUTS + 1)))
        began, coming = time.perf_counter(), []
        for number in range(round(seconds * PER_SECOND)):
            await asyncio.sleep(max(0.0, began + number / PER_SECOND - time.perf_counter()))
            coming.append(asyncio.create_task(_lag(recorder, ROLLOUTS + 1 + number)))
        return Lags(database, tuple(burst), tuple(await asyncio.gather(*coming)))
    finally:
        work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work


async def _lag(recorder: Recorder, number: int) -> float:
    """Seconds until an entry of a version is recorded."""
    version, began = _version(number), time.perf_counter()
    await recorder.told([version], of=("team", version["spec"]["model"]))
    return time.perf_counter() - began


def _version(number: int) -> dict[str, Any]:
    """A version that has just moved."""
    model = f"model-{number % ROLLOUTS:05}"
    return {
        "metadata": {"namespace": "team", "name": f"{model}-{number}", "uid": f"uid-{number}"},
        "spec": {"model": model, "version": f"1.{number}.0"},
        "status": {"phase": "Canary", "outbox": [outbox_entry(number)]},
    }
