"""Whether a chain is whole: each record in its place, unchanged, and none missing up to where it is known to end.

A link joins two records, and when it does not hold, one of the two was changed. Which one, the next link says: a record
whose digest the following one has is as it was. So a link is judged together with the one behind it, and nothing else
is remembered: records are read once, and any number of them takes the same memory.

What a chain cannot show by itself is that its end was cut off, or that all of it was made anew. A checkpoint that was
kept elsewhere shows both.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .record import GENESIS, Head, Record, digest

ERASED = "PersonalDataErased"
"""Type of the record that says which personal values were erased: `commitments` in its body."""
MOST_FAULTS = 1000
"""No more are told: a chain with as many is not read on."""


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """What is wrong at a place in the chain."""

    seq: int
    problem: str

    def __str__(self) -> str:
        return f"record {self.seq}: {self.problem}"


def verify(
    records: Iterable[Record | Fault], checkpoint: Head | None = None, *, head: Head | None = None
) -> list[Fault]:
    """All that is wrong with a chain, by place; nothing where it is whole.

    Args:
        records: The whole chain in its order; a Fault where a row could not be read.
        checkpoint: Where the chain was known to end at some time, from outside the database.
        head: Where the database says that the chain ends.
    """
    walk = _Walk(checkpoint=checkpoint, head=head)
    for record in records:
        walk.step(record)
        if len(walk.faults) >= MOST_FAULTS:
            break
    else:
        walk.end()
    return sorted(walk.faults.values())


class _Walk:
    """What is known on the way along a chain."""

    def __init__(self, *, checkpoint: Head | None, head: Head | None) -> None:
        self.faults: dict[int, Fault] = {}
        self._known = [(name, at) for name, at in (("checkpoint", checkpoint), ("head", head)) if at and at.seq]
        self._head = head
        self._chain: str | None = None
        self._last = 0
        """Place of the last record."""
        self._before: Record | None = None
        """The last record, where it could be read."""
        self._digest: str | None = GENESIS
        """Digest of the last record; None where it is not known."""
        self._suspect: int | None = None
        """A record that the last one does not follow from."""
        self._gone: dict[str, int] = {}
        """Erased values of which no record has said yet that they were, by the place of the record they belong to."""

    def step(self, record: Record | Fault) -> None:
        """Go on to the next record."""
        if record.seq <= self._last:
            self._tell(record.seq, f"comes after record {self._last}")
            return
        if record.seq > self._last + 1:
            self._missing(self._last + 1, record.seq - 1)
        self._last = record.seq
        if isinstance(record, Fault):
            self._tell(record.seq, record.problem)
            self._settle(holds=None)
            self._before, self._digest = None, None
            return
        self._link(record)
        self._same_chain(record)
        if self._before is not None and record.recorded < self._before.recorded:
            self._tell(record.seq, "was recorded before the one in front of it")
        self._personal(record)
        self._before, self._digest = record, digest(record)
        for name, at in self._known:
            if at.seq == record.seq and at.digest != self._digest:
                self._suspect = None
                self._tell(record.seq, f"is not the record that the {name} names")

    def end(self) -> None:
        """There are no more records."""
        held = any(at.seq == self._last and at.digest == self._digest for _, at in self._known)
        self._settle(holds=held or None)
        for name, at in self._known:
            if self._chain is not None and at.chain != self._chain:
                self._tell(at.seq, f"the {name} is of chain {at.chain[:64]}, not of {self._chain[:64]}")
            if at.seq > self._last:
                self._missing(self._last + 1, at.seq, because=f", which the {name} names")
        if self._head is not None and self._last > self._head.seq:
            self._tell(self._head.seq + 1, "comes after the head that the database names")
        for seq in self._gone.values():
            self._tell(seq, "a personal value is gone, and no record says that it was erased")

    def _same_chain(self, record: Record) -> None:
        """The first record says which chain this is, unless what is known speaks for another one."""
        known = {at.chain for _, at in self._known}
        if self._chain is None or (record.chain in known and self._chain not in known):
            if self._chain is not None:
                self._tell(1, f"belongs to chain {self._chain[:64]}")
            self._chain = record.chain
        if record.chain != self._chain:
            self._tell(record.seq, f"belongs to chain {record.chain[:64]}, not to {self._chain[:64]}")

    def _link(self, record: Record) -> None:
        if self._digest is None:
            return
        holds = record.prev == self._digest
        self._settle(holds=holds)
        if not holds and self._last == 1:
            self._tell(1, "was changed: the first record follows from nothing")
        elif not holds:
            self._suspect = self._last - 1

    def _settle(self, *, holds: bool | None) -> None:
        """Say whether the last link holds: it tells whom the link in front of it speaks against.

        Where that is not known (None), the link in front is told as it is.
        """
        if self._suspect is None:
            return
        if holds is not False:
            unsure = f"record {self._suspect + 1} does not follow from it"
            self._tell(self._suspect, "was changed after it was recorded" if holds else unsure)
        self._suspect = None

    def _missing(self, first: int, last: int, *, because: str = "") -> None:
        self._settle(holds=None)
        self._digest = None
        what = "is missing" if first == last else f"is missing, as are all up to {last}"
        self._tell(first, what + because)

    def _personal(self, record: Record) -> None:
        for commitment, opening in record.openings.items():
            if opening is None:
                self._gone[commitment] = record.seq
            elif opening.commitment() != commitment:
                self._tell(record.seq, "a personal value was changed")
        if record.type == ERASED:
            for commitment in _commitments(record.body):
                self._gone.pop(commitment, None)

    def _tell(self, seq: int, problem: str) -> None:
        self.faults.setdefault(seq, Fault(seq, problem))


def _commitments(body: Mapping[str, Any]) -> list[str]:
    told = body.get("commitments")
    return [one for one in told if isinstance(one, str)] if isinstance(told, list) else []
