"""Entries as rollouts make them: a transition with the verdict that led to it, about one kilobyte."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sluice_operator.ledger.entry import Entry, Personal

_VERDICT = {
    "gate": "errors",
    "query": 'sum by (sluice_version) (increase(sluice_requests_total{namespace="team",code=~"5.."}[1m]))',
    "bad": 42,
    "requests": 500,
    "stableBad": 60,
    "stableRequests": 4500,
    "ratio": 6.5,
    "low": 3.9,
    "high": 11.0,
    "message": "42 of 500 requests (8.4%) bad, stable 60 of 4,500 (1.3%): 6.5 times the odds, worse than stable",
}
_BODY: dict[str, Any] = {
    "from": {"phase": "Canary", "weight": 25, "step": 1},
    "to": {"phase": "Canary", "weight": 50, "step": 2},
    "verdicts": [_VERDICT],
    "digest": "sha256:" + "5e" * 32,
    "effectiveRolloutHash": "c0" * 16,
}


def entries(first: int, count: int) -> Sequence[Entry]:
    """So many entries from a number on; the same number is the same entry."""
    return [_entry(number) for number in range(first, first + count)]


def outbox_entry(number: int) -> dict[str, Any]:
    """One as it stands in the outbox of a status."""
    return {
        "id": f"1/{number}",
        "at": datetime.now(UTC).isoformat(),
        "type": "Transition",
        "attempt": 1,
        "body": _BODY,
        "personal": {"person": "alice@example.com"},
    }


def _entry(number: int) -> Entry:
    return Entry(
        id=f"9d1c3a52-5c0f-4f0e-8a67-{number:012}/1/Transition",
        time=datetime.now(UTC),
        type="Transition",
        subject={"namespace": "team", "model": f"model-{number % 1000:05}", "version": "1.1.0", "attempt": 1},
        actor={"person": Personal("alice@example.com")},
        body=_BODY,
    )
