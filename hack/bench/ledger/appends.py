"""Appends in a second, beside the same texts written into the same database without a chain.

Both write through the same engine, with the same durability, in transactions of the same size; they take turns, and
the ratio is that of the medians. The plain peer asks nothing before it writes and locks nothing.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from sqlalchemy import Column, Integer, MetaData, Table, Text, insert

from hack.bench.ledger.entries import entries
from sluice_operator.ledger.database import Database
from sluice_operator.ledger.migrate import migrate
from sluice_operator.ledger.store import Ledger

_METADATA = MetaData()
_PLAIN = Table("plain", _METADATA, Column("seq", Integer, primary_key=True), Column("text", Text, nullable=False))
_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Manner:
    """How entries come."""

    name: str
    writers: int
    group: int
    """Entries in a transaction."""


ONE, GROUPS, MANY = Manner("one at a time", 1, 1), Manner("in groups of 50", 1, 50), Manner("50 writers", 50, 1)


@dataclass(frozen=True, slots=True)
class Rate:
    """Entries in a second."""

    database: str
    manner: str
    per_s: float
    plain_per_s: float

    @property
    def ratio(self) -> float:
        """How many times as many go in without a chain."""
        return self.plain_per_s / self.per_s


def rate(database: str, url: str, manner: Manner, *, seconds: float, rounds: int) -> Rate:
    """Measure both in turns.

    Args:
        database: Its name, for people.
        url: Of an empty one.
        manner: How entries come.
        seconds: That each turn lasts.
        rounds: How often each has its turn.
    """
    migrate(url)
    plain = Database(url, seconds=_SECONDS)
    with plain.writing() as connection:
        _METADATA.create_all(connection)
    text = Ledger.open(url).append(entries(0, 1))[0].text
    numbers = itertools.count(1)
    opened: list[Ledger] = []

    def chained() -> Callable[[], None]:
        ledger = Ledger.open(url, seconds=_SECONDS)
        opened.append(ledger)
        return lambda: _drop(ledger.append(entries(next(numbers) * manner.group, manner.group)))

    def unchained() -> Callable[[], None]:
        def write() -> None:
            with plain.writing() as connection:
                first = next(numbers) * manner.group
                rows = [{"seq": first + number, "text": text} for number in range(manner.group)]
                connection.execute(insert(_PLAIN), rows)

        return write

    turns: dict[Callable[[], Callable[[], None]], list[float]] = {chained: [], unchained: []}
    for _ in range(rounds):
        for work, found in turns.items():
            found.append(_per_second(work, manner=manner, seconds=seconds))
            while opened:  # a server has no connections to spare for those who have had their turn
                opened.pop().close()
    plain.close()
    return Rate(database, manner.name, round(median(turns[chained]), 1), round(median(turns[unchained]), 1))


def _per_second(work: Callable[[], Callable[[], None]], *, manner: Manner, seconds: float) -> float:
    """Entries that are written in a second by writers that each do their own work."""
    together, counts = threading.Barrier(manner.writers + 1), [0] * manner.writers
    ends = [0.0]

    def write(place: int) -> None:
        once = work()
        once()  # the connection is made before the time is taken
        together.wait()
        while time.perf_counter() < ends[0]:
            once()
            counts[place] += manner.group
        together.wait()

    threads = [threading.Thread(target=write, args=(place,), daemon=True) for place in range(manner.writers)]
    for thread in threads:
        thread.start()
    began = time.perf_counter()
    ends[0] = began + 3600
    together.wait(timeout=_SECONDS + 30)
    began = time.perf_counter()
    ends[0] = began + seconds
    together.wait(timeout=_SECONDS + seconds + 30)
    return sum(counts) / (time.perf_counter() - began)


def _drop(_records: object) -> None:
    """What was recorded is not looked at."""
