"""Rows that are read from the database and verified in a second."""

from __future__ import annotations

import time

from hack.bench.errors import BenchError
from hack.bench.ledger.entries import entries
from sluice_operator.ledger.migrate import migrate
from sluice_operator.ledger.store import MOST_AT_ONCE, Ledger
from sluice_operator.ledger.verify import verify


def rows_per_second(url: str, *, rows: int, rounds: int) -> float:
    """Verify a chain of so many records, and take the best of some rounds.

    Raises:
        BenchError: The chain is not whole.
    """
    migrate(url)
    ledger = Ledger.open(url, seconds=60)
    for first in range(0, rows, MOST_AT_ONCE):
        ledger.append(entries(first, min(MOST_AT_ONCE, rows - first)))
    best = 0.0
    for _ in range(rounds):
        began = time.perf_counter()
        with ledger.whole() as whole:
            faults = verify(whole.records(), whole.head, head=whole.head)
        best = max(best, rows / (time.perf_counter() - began))
        if faults:
            raise BenchError(f"the chain is not whole: {faults[0]}")
    ledger.close()
    return round(best, 1)
