"""`python -m sluice_operator.ledger`: what is done to a ledger by hand, where its database can be reached.

The database is that of SLUICE_LEDGER_URL, so that no password is on a command line; else the operator's own volume.
Exit status: 0 done; 1 not done, in one line why.
"""

import argparse
import os
import sys
from collections.abc import Sequence

from . import ON_VOLUME
from .entry import Personal
from .errors import EntryError, LedgerError
from .migrate import migrate
from .moving import copy
from .store import Ledger

_URL, _TARGET = "SLUICE_LEDGER_URL", "SLUICE_LEDGER_TARGET_URL"
_AT_ONCE = 500
"""Commitments that one record of an erasure names."""


def main(words: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m sluice_operator.ledger",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("migrate", help="make or change the tables")
    commands.add_parser("copy", help=f"copy the whole chain into the empty database of {_TARGET}")
    erase = commands.add_parser("erase", help="erase a name, and sentences that have it in them, and record that")
    erase.add_argument("value", help="as it is recorded, such as the name of a user")
    erase.add_argument("--by", required=True, help="who has it erased")
    erase.add_argument("--reason", required=True, help="why; it stays in the record, so it must not name the person")
    chosen = parser.parse_args(words)
    try:
        if chosen.command == "migrate":
            migrate(_url())
        elif chosen.command == "copy":
            _copy()
        else:
            _erase(chosen.value, by=chosen.by, reason=chosen.reason)
    except (LedgerError, EntryError) as error:
        print(f"ledger: {error}", file=sys.stderr)
        return 1
    return 0


def _copy() -> None:
    url = _target()
    migrate(url)
    head = copy(Ledger.open(_url()), Ledger.open(url))
    print(f"{head.seq} records of chain {head.chain}, up to {head.digest}")


def _erase(value: str, *, by: str, reason: str) -> None:
    ledger = Ledger.open(_url())
    commitments = ledger.commitments_of(value)
    if not commitments:
        ledger.purge()  # the last time may have come no further
        raise LedgerError("no record has this value")
    for first in range(0, len(commitments), _AT_ONCE):
        chosen = commitments[first : first + _AT_ONCE]
        record = ledger.erase(*chosen, actor={"name": Personal(by)}, reason=reason)
        print(f"record {record.seq}: {len(chosen)} values erased")


def _url() -> str:
    return os.environ.get(_URL) or ON_VOLUME


def _target() -> str:
    url = os.environ.get(_TARGET)
    if not url:
        raise LedgerError(f"{_TARGET} is not set: the URL of the database")
    return url


if __name__ == "__main__":
    sys.exit(main())
