"""The operator's way to the ledger: opened when it is first asked for, and by nobody twice.

Who leads brings its tables up to date before, and writes to no chain but that of the installation; all others read what
there is.
"""

import threading

from ..ledger.errors import LedgerError
from ..ledger.migrate import ensure
from ..ledger.store import Ledger


class LedgerAccess:
    """The ledger of an installation."""

    def __init__(self, url: str) -> None:
        """Nothing is opened yet."""
        self._url = url
        self._lock, self._migrating = threading.Lock(), threading.Lock()
        self._ledger: Ledger | None = None
        self._chain = ""
        self._is_up_to_date = False

    def read(self) -> Ledger:
        """The ledger, to be read. To be called from a thread.

        Raises:
            LedgerError: Its URL is not that of a database that can have one.
        """
        with self._lock:
            if self._ledger is None:
                self._ledger = Ledger.open(self._url, chain=self._chain)
            return self._ledger

    def of(self, chain: str) -> Ledger:
        """The ledger to be written, which from now on must be that chain. To be called from a thread.

        Raises:
            LedgerError: The database is away.
        """
        with self._lock:
            before, self._ledger = self._ledger, self._ledger if chain == self._chain else None
            self._chain = chain
        if before is not None and before is not self._ledger:
            before.close()
        return self.write()

    def write(self) -> Ledger:
        """The ledger to be written, with the tables of this release. To be called from a thread.

        Raises:
            LedgerError: The database is away, or nobody knows yet which chain is the installation's.
        """
        if not self._chain:
            raise LedgerError("nobody knows yet which chain is the one of this installation")
        with self._migrating:
            if not self._is_up_to_date:
                ensure(self._url)
                self._is_up_to_date = True
        return self.read()

    def close(self) -> None:
        """Let go of the database."""
        with self._lock:
            if self._ledger is not None:
                self._ledger.close()
