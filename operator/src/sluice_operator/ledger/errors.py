"""What goes wrong with the ledger."""


class LedgerError(Exception):
    """The database is away, or is not what it should be; the message has no credentials and no personal data."""


class EntryError(ValueError):
    """An entry that can never be recorded: it is too large, too deep, or has what JSON has not."""
