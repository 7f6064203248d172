"""An example rollout: seeded requests, judged by the product's own comparisons, recorded in a real ledger.

Of the requests to version 2.0.0 half as many again fail as of those to 1.0.0: below the limit, and found by comparison.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from sluice_operator.analysis.comparison import Answer, Comparison, Rollouts, answers
from sluice_operator.analysis.eprocess import Comparisons, Evidence
from sluice_operator.analysis.odds import Tick
from sluice_operator.analysis.readings import factor_to_clear
from sluice_operator.ledger.entry import Entry, Personal
from sluice_operator.ledger.migrate import migrate
from sluice_operator.ledger.store import Ledger

NAMESPACE, MODEL, OLD, NEW = "payments", "sms", "1.0.0", "2.0.0"
BEGAN = datetime(2026, 11, 3, 9, 58, tzinfo=UTC)
_SEED = 6
_RATE = 40
"""Requests a second."""
_SPAN = 5.0
_STEPS = ((5, 240), (10, 180), (25, 120), (50, 900))
"""Weight and hold in seconds."""
_WORSE_BY = 2.0


@dataclass(frozen=True, slots=True)
class _Gate:
    """What is asked, and how the two versions do."""

    name: str
    asks: Mapping[str, Any]
    usual: float
    """Share of stable's requests that is bad."""
    own: float
    """Share of the candidate's."""


_GATES = (
    _Gate("errors", {"metric": "error-rate", "limit": {"above": 0.05, "window": "1m"}}, 0.010, 0.016),
    _Gate("slow", {"metric": "latency", "slowerThan": "250ms", "limit": {"above": 0.1, "window": "1m"}}, 0.04, 0.04),
)


def record(path: Path) -> Ledger:
    """Record the example in a new SQLite ledger."""
    url = f"sqlite:///{path}"
    migrate(url)
    ledger = Ledger.open(url)
    ledger.append(list(_Story().entries()))
    return ledger


@dataclass(slots=True)
class _Story:
    """The entries, and the time that has come."""

    now: datetime = BEGAN
    count: int = 0
    draw: np.random.Generator = field(default_factory=lambda: np.random.default_rng(_SEED))

    def entries(self) -> Iterator[Entry]:
        """What the operator would record."""
        data = {"dataset": "s3://data/sms/2026-05", "parameters": "sha256:7c1e0f", "metrics": {"f1": 0.941}}
        yield self._told("Lineage", OLD, {"source": {"storageUri": f"s3://models/sms/{OLD}"}, "lineage": data})
        yield self._moved(OLD, "Stable", weight=100, promotedAt=BEGAN.isoformat(), reason="all gates pass")
        self._pass(120)
        data = {
            "parent": OLD,
            "dataset": "s3://data/sms/2026-10",
            "features": "git:features@41c02d7",
            "parameters": "sha256:9d3b5a1e44c07f27a8a1f1d1c53cf4fb2d0c61a3a1b4c8a2f2f1f9a6b7d0e912",
            "code": "git:training@8f14e45",
            "run": "mlflow:/runs/5f2b",
            "metrics": {"f1": 0.957, "recall": 0.949},
        }
        yield self._told("Lineage", NEW, {"source": {"storageUri": f"s3://models/sms/{NEW}"}, "lineage": data})
        found = {
            "digest": "sha256:4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945",
            "digestVerification": "Predictor",
            "runtime": "sluice-transformers-0.1.0",
            "effectiveRolloutHash": "sha256:0f1e2d3c4b5a69788796a5b4c3d2e1f00112233445566778899aabbccddeeff0",
            "policy": "money",
        }
        yield self._told("Resolved", NEW, found)
        yield self._moved(NEW, "Deploying", weight=0, reason="waits for its pods")
        self._pass(95)
        yield from self._steps()

    def _steps(self) -> Iterator[Entry]:
        evidence = Evidence.none(_comparisons())
        for step, (weight, hold) in enumerate(_STEPS):
            yield self._moved(NEW, "Canary", weight=weight, step=step, reason=f"step {step + 1} of {len(_STEPS)}")
            yield self._moved(OLD, "Stable", weight=100 - weight)
            evidence = evidence.begin(range(len(_GATES)))
            for _ in range(int(hold / _SPAN)):
                self._pass(_SPAN)
                evidence = evidence.after(self._tick(weight))
                said = answers(evidence, _rollouts(weight, last=step == len(_STEPS) - 1))
                if any(one.answer is Answer.WORSE for one in said):
                    yield from self._taken_back(said, step=step)
                    return
            yield self._judged(said, step=step)
            if step == 0:
                yield self._act("Approve", "read the 120 messages of the first step")
                self._pass(1)

    def _taken_back(self, said: list[Comparison], *, step: int) -> Iterator[Entry]:
        yield self._judged(said, step=step)
        why = f"errors: {_sentence(said[0])}"
        decision = {"action": "Rollback", "gate": "errors", "at": self.now.isoformat()}
        yield self._moved(NEW, "RollingBack", weight=0, step=step, decision=decision, decisionReason=why)
        yield self._moved(OLD, "Stable", weight=100)
        self._pass(2)
        yield self._moved(NEW, "RolledBack", weight=0, step=step, reason=why)

    def _tick(self, weight: int) -> Tick:
        total = self.draw.poisson(_RATE * _SPAN)
        own = int(self.draw.binomial(total, weight / 100))
        rows = len(_GATES)
        return Tick(
            at=np.full(rows, self.now.timestamp()),
            candidate=np.full(rows, own),
            candidate_bad=np.array([self.draw.binomial(own, gate.own) for gate in _GATES]),
            stable=np.full(rows, total - own),
            stable_bad=np.array([self.draw.binomial(total - own, gate.usual) for gate in _GATES]),
        )

    def _judged(self, said: list[Comparison], *, step: int) -> Entry:
        gates = [_judged(gate, one) for gate, one in zip(_GATES, said, strict=True)]
        return self._told("Verdict", NEW, {"gates": gates, "step": step})

    def _act(self, action: str, reason: str) -> Entry:
        body = {"act": "5e0c", "action": action, "outcome": "Applied", "reason": reason, "message": "approved: 1 of 1"}
        return self._told("Act", NEW, body, actor={"person": Personal("ann@example.com")})

    def _moved(self, version: str, phase: str, *, weight: int, step: int | None = None, **said: Any) -> Entry:
        where = {"attempt": 1, "phase": phase, "weight": weight, "desiredWeight": weight}
        where |= {"step": step} if step is not None else {}
        return self._told("Transition", version, {"from": {}, "to": where, **said})

    def _told(
        self, type_: str, version: str, body: Mapping[str, Any], *, actor: Mapping[str, Any] | None = None
    ) -> Entry:
        self.count += 1
        name = f"{MODEL}-{version.replace('.', '-')}"
        subject = {"namespace": NAMESPACE, "model": MODEL, "version": version, "name": name, "attempt": 1}
        return Entry(f"example-{self.count}", self.now, type_, subject, actor or {"operator": "0.1.0"}, body)

    def _pass(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def _comparisons() -> Comparisons:
    rows = len(_GATES)
    return Comparisons(
        tolerance=np.ones(rows),
        worse_by=np.full(rows, _WORSE_BY),
        dispersion=np.ones(rows),
        negligible=np.full(rows, 0.005),
        starts=np.full(rows, len(_STEPS), dtype=np.int64),
    )


def _rollouts(weight: int, *, last: bool) -> Rollouts:
    rows = len(_GATES)
    part = np.full(rows, weight / 100)
    return Rollouts(
        rollout=np.zeros(rows, dtype=np.int64),
        weight=np.full(rows, 1 / rows),
        factor=factor_to_clear(part, last=np.full(rows, last), worse_by=np.full(rows, _WORSE_BY)),
        alpha=np.array([0.05]),
        beta=np.array([0.05]),
    )


def _judged(gate: _Gate, said: Comparison) -> dict[str, Any]:
    verdicts = {Answer.WORSE: "Fail", Answer.CLEAR: "Pass", Answer.UNKNOWN: "NoData"}
    comparison = {
        "answer": str(said.answer),
        "ratio": said.odds,
        "low": said.low,
        "high": said.high if np.isfinite(said.high) else None,
        "bad": said.bad,
        "requests": said.requests,
        "stableBad": said.stable_bad,
        "stableRequests": said.stable_requests,
    }
    return {
        "name": gate.name,
        "verdict": verdicts[said.answer],
        "message": _sentence(said),
        "limit": gate.asks["limit"]["above"],
        "comparison": comparison,
        "asks": {"name": gate.name, **gate.asks, "compare": {"worseBy": _WORSE_BY}},
    }


def _sentence(said: Comparison) -> str:
    counts = (
        f"{said.bad:,} of {said.requests:,} requests ({said.bad / said.requests:.1%}) bad, "
        f"stable {said.stable_bad:,} of {said.stable_requests:,} ({said.stable_bad / said.stable_requests:.1%})"
    )
    words = {
        Answer.WORSE: "worse than stable",
        Answer.CLEAR: "not worse than stable by what had to be ruled out",
        Answer.UNKNOWN: "cannot tell yet",
    }
    odds = f": {said.odds:.2g} times the odds ({said.low:.2g} to {said.high:.2g})" if said.odds is not None else ""
    return f"{counts}{odds}, {words[said.answer]}"
