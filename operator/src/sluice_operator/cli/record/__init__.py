"""Commands about what was: they read the ledger."""
