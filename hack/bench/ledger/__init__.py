"""How fast the ledger takes entries and is verified, and how long a rollout waits for it."""
