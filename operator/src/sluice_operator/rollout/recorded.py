"""What of the gates' answers and the evidence of comparisons goes into a status, and when.

Evidence is written as it is handed over, which changes when a step begins and now and then within one: an operator that
starts again asks Prometheus for all that came since. What the gates say is written when an answer or the step changes,
together with the evidence, and about once a minute while their figures change.
"""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from ..analysis.counts import MOST_COUNTED
from ..analysis.gates import GateResult
from ..analysis.predictions import Moved
from ..analysis.verdicts import Compared
from ..api.evidence import ComparisonStatus, DriftStatus, Evidence
from ..api.status import GateStatus, Phase
from .move import Move
from .snapshot import ON_TRAFFIC, Version

_MOST = int(MOST_COUNTED)
_FRESH = timedelta(seconds=45)
"""For how long other figures are not worth a write."""
_KEEPS_EVIDENCE = ON_TRAFFIC | {Phase.DEPLOYING, Phase.PREFLIGHT}
"""Phases of an attempt that goes on: also where a candidate has lost its pods, and its step will begin again."""


def evidence_status(version: Version, move: Move) -> Evidence | None:
    """The evidence of an attempt, as the status is to have it."""
    return (version.evidence or version.status.evidence) if move.phase in _KEEPS_EVIDENCE else None


def gates_status(version: Version, move: Move, now: datetime) -> list[GateStatus]:
    """What the gates say."""
    old = version.status.gates
    new = [gate_status(result).model_copy(update={"at": now}) for result in version.gates]
    if not new:
        return old
    same_step = version.status.step == move.step and version.status.phase is move.phase
    same_answers = [(g.name, g.verdict) for g in old] == [(g.name, g.verdict) for g in new]
    same_evidence = evidence_status(version, move) == version.status.evidence
    return old if same_step and same_answers and same_evidence and _are_fresh(old, new) else new


def _are_fresh(old: Sequence[GateStatus], new: Sequence[GateStatus]) -> bool:
    """Whether what is written of the same answers is as good as what is known now."""

    def is_fresh(before: GateStatus, after: GateStatus) -> bool:
        if before.model_copy(update={"at": after.at}) == after:
            return True
        return before.at is not None and after.at is not None and timedelta() <= after.at - before.at < _FRESH

    return all(map(is_fresh, old, new))


def gate_status(result: GateResult) -> GateStatus:
    """What one gate says."""
    return GateStatus(
        name=result.name,
        verdict=result.verdict,
        value=None if result.value is None else round(result.value, 6),
        requests=min(result.requests, _MOST),
        limit=result.limit,
        comparison=None if result.compared is None else comparison_status(result.compared),
        drift=None if result.moved is None else drift_status(result.moved),
        message=result.message[:512],
    )


def drift_status(moved: Moved) -> DriftStatus:
    """How far predictions have moved, in figures."""
    return DriftStatus(
        low=_figure(moved.drift.low) or 0.0,
        high=_figure(moved.drift.high) or 0.0,
        predictions=min(moved.predictions, _MOST),
        stable_predictions=min(moved.stable, _MOST),
    )


def comparison_status(compared: Compared) -> ComparisonStatus:
    """What a comparison says, in figures."""
    found, needed, seconds = compared.comparison, compared.requests_needed, compared.seconds_needed
    return ComparisonStatus.model_validate(
        {
            "answer": found.answer,
            "ratio": _figure(found.odds),
            "low": _figure(found.low) or 0.0,
            "high": _figure(found.high),
            "bad": found.bad,
            "requests": found.requests,
            "stableBad": found.stable_bad,
            "stableRequests": found.stable_requests,
            "requestsNeeded": math.ceil(needed) if needed and needed <= _MOST else None,
            "secondsNeeded": math.ceil(seconds) if needed and seconds is not None and seconds <= _MOST else None,
        }
    )


def _figure(value: float | None) -> float | None:
    """Four digits are more than anybody reads."""
    return float(f"{value:.4g}") if value is not None and math.isfinite(value) else None
