"""Records as the operator makes them, with everything filled in that a test does not speak of."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from sluice_operator.ledger.entry import Entry, Personal
from sluice_operator.ledger.record import GENESIS, Head, Record, digest, link

T0 = datetime(2025, 11, 3, 12, 0, 0, tzinfo=UTC)
NAMESPACE, MODEL = "payments", "sms"


def after(minutes: float) -> datetime:
    """A moment of the test, in minutes since it began."""
    return T0 + timedelta(minutes=minutes)


class Chain:
    """A chain that grows."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.head = Head(chain="a-chain", seq=0, digest=GENESIS)
        self._salts = count()

    def add(
        self,
        type_: str,
        version: str,
        body: Mapping[str, Any],
        *,
        minute: float,
        actor: Mapping[str, Any] | None = None,
        attempt: int = 1,
        model: str = MODEL,
        namespace: str = NAMESPACE,
    ) -> Record:
        subject = {
            "namespace": namespace,
            "model": model,
            "version": version,
            "name": f"{model}-{version.replace('.', '-')}",
            "uid": f"uid-{version}",
            "attempt": attempt,
        }
        entry = Entry(f"id-{self.head.seq}", after(minute), type_, subject, actor or {"operator": "0.1.0"}, body)
        record = link(entry, after=self.head, recorded=after(minute), salt=lambda: f"{next(self._salts):064x}")
        self.records.append(record)
        self.head = Head(chain=record.chain, seq=record.seq, digest=digest(record))
        return record

    def moved(
        self,
        version: str,
        *,
        minute: float,
        phase: str,
        weight: int | None = None,
        step: int | None = None,
        promoted: bool = False,
        reason: str = "",
        attempt: int = 1,
        decision: Mapping[str, Any] | None = None,
        **where: Any,
    ) -> Record:
        """A transition."""
        to = {"attempt": attempt, "phase": phase, "weight": weight, "desiredWeight": weight, "step": step}
        body: dict[str, Any] = {"from": {}, "to": {k: v for k, v in to.items() if v is not None}, "reason": reason}
        body |= {"promotedAt": after(minute).isoformat()} if promoted else {}
        body |= {"decision": decision} if decision else {}
        return self.add("Transition", version, body, minute=minute, attempt=attempt, **where)

    def judged(
        self,
        version: str,
        *,
        minute: float,
        gate: str = "errors",
        verdict: str = "Pass",
        own: tuple[int, int],
        stable: tuple[int, int] | None = None,
        ratio: float = 1.0,
        step: int = 0,
        attempt: int = 1,
    ) -> Record:
        """What a gate said: bad requests and all of them, of this version and of stable."""
        said: dict[str, Any] = {"name": gate, "verdict": verdict, "limit": 0.1, "requests": own[1]}
        said |= {"value": own[0] / own[1] if own[1] else None, "message": f"{own[0]} of {own[1]} requests bad"}
        if stable is not None:
            said["comparison"] = {
                "answer": "Clear" if verdict == "Pass" else "Worse",
                "ratio": ratio,
                "low": ratio / 2,
                "high": ratio * 2,
                "bad": own[0],
                "requests": own[1],
                "stableBad": stable[0],
                "stableRequests": stable[1],
            }
        said["asks"] = {"name": gate, "metric": "error-rate", "limit": {"above": 0.1}, "compare": {"worseBy": 2.0}}
        return self.add("Verdict", version, {"gates": [said], "step": step}, minute=minute, attempt=attempt)

    def acted(
        self, version: str, action: str, *, minute: float, by: str = "ann", reason: str = "looked at it"
    ) -> Record:
        """A person's decision."""
        body = {
            "act": "uid-of-act",
            "action": action,
            "outcome": "Applied",
            "message": f"{action} done",
            "reason": reason,
        }
        return self.add("Act", version, body, minute=minute, actor={"person": Personal(by)})

    def came_from(self, version: str, *, minute: float, **lineage: Any) -> Record:
        """Where a version came from."""
        source = {"storageUri": f"s3://models/{version}"}
        return self.add("Lineage", version, {"source": source, "lineage": lineage}, minute=minute)

    def resolved(self, version: str, *, minute: float, digest: str) -> Record:
        """What was found out about it."""
        body = {
            "digest": digest,
            "digestVerification": "Predictor",
            "runtime": "sluice-0.1.0",
            "effectiveRolloutHash": "h",
        }
        return self.add("Resolved", version, body, minute=minute)

    def first(self, version: str = "1.0.0", *, minute: float = 0) -> None:
        """A model's first version, which gets everything."""
        self.came_from(version, minute=minute)
        self.resolved(version, minute=minute, digest=f"sha256:{version}")
        self.moved(version, minute=minute, phase="Deploying", weight=0)
        self.moved(version, minute=minute + 1, phase="Stable", weight=100, promoted=True)

    def promoted(self, version: str, *, over: str, minute: float, own: tuple[int, int] = (10, 1000)) -> None:
        """A rollout in ten minutes: 10 %, then everything."""
        self.resolved(version, minute=minute, digest=f"sha256:{version}")
        self.moved(version, minute=minute, phase="Deploying", weight=0)
        self.moved(version, minute=minute + 1, phase="Canary", weight=10, step=0)
        self.moved(over, minute=minute + 1, phase="Stable", weight=90)
        self.judged(version, minute=minute + 10, own=own, stable=(100, 10_000))
        self.moved(version, minute=minute + 10, phase="Stable", weight=100, promoted=True, reason="all gates pass")
        self.moved(over, minute=minute + 10, phase="Superseded", weight=0)

    def left(self, version: str, *, back_to: str, minute: float, reason: str) -> None:
        """A person has the model return from a proven version to the one before."""
        self.acted(back_to, "Rollback", minute=minute, reason=reason)
        self.moved(back_to, minute=minute + 1, phase="Stable", weight=100, promoted=True)
        self.moved(version, minute=minute + 1, phase="Superseded", weight=0)

    def taken_back(self, version: str, *, over: str, minute: float) -> None:
        """A rollout that ends at its first step."""
        self.moved(version, minute=minute, phase="Deploying", weight=0)
        self.moved(version, minute=minute + 1, phase="Canary", weight=10, step=0)
        self.moved(over, minute=minute + 1, phase="Stable", weight=90)
        self.judged(version, minute=minute + 2, verdict="Fail", own=(80, 500), stable=(45, 4500), ratio=17.0)
        decision = {"action": "Rollback", "gate": "errors"}
        why = "errors: 80 of 500 requests bad"
        self.moved(version, minute=minute + 2, phase="RollingBack", weight=0, reason=why, decision=decision)
        self.moved(over, minute=minute + 2, phase="Stable", weight=100)
        self.moved(version, minute=minute + 3, phase="RolledBack", weight=0, reason=why)
