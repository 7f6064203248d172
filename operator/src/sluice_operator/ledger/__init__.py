"""The record: what happened to model versions, in one hash chain per installation, in SQLite or PostgreSQL."""

ON_VOLUME = "sqlite:////var/lib/sluice/ledger.db"
"""The ledger of an operator that is told of no other: where the chart mounts its volume."""
