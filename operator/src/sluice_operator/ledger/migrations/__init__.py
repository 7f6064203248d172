"""What makes and changes the ledger's tables; Alembic reads it from here."""
