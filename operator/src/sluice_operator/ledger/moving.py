"""A ledger into another database, as it is: the same chain, the same digests, what was erased stays erased."""

from collections.abc import Iterator

from .errors import LedgerError
from .record import Head, Record
from .store import Ledger, Whole
from .verify import Fault, verify


def copy(source: Ledger, target: Ledger) -> Head:
    """Copy a whole chain into an empty ledger, and return where it ends.

    Raises:
        LedgerError: The chain is not whole, the target is not empty, or a database is away; nothing was copied.
    """
    with source.whole() as whole:
        if faults := verify(whole.records(), head=whole.head):
            raise LedgerError(f"the chain is not whole, and is not copied: {faults[0]}")
        target.load(_records(whole), whole.head)
        return whole.head


def _records(whole: Whole) -> Iterator[Record]:
    for found in whole.records():
        if isinstance(found, Fault):
            raise LedgerError(str(found))
        yield found
