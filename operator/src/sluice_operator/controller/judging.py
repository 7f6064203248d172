"""What the gates of a version say: their limits, and beside them their comparisons with stable.

Limits are judged first and alone: a rollback that they call for waits for no comparison to be computed. A gate whose
judging ends in an error is Unavailable: it holds its own version, and nothing else.
"""

import logging
from collections.abc import Sequence

from ..analysis.gates import GateResult, Missing, judge, unanswered
from ..analysis.verdicts import Compared, combined
from ..api.evidence import MismatchStatus
from ..api.gates import Gate
from ..api.status import Verdict
from ..prometheus.predictor import Target
from ..prometheus.sampler import Sample
from .comparing import Findings
from .watched import Watched

log = logging.getLogger(__name__)


def limits(one: Watched, sample: Sample, *, now: float) -> tuple[GateResult, ...]:
    """What each gate's limit says of a version; `now` is in Unix seconds."""
    return tuple(_limit(one, gate, one.target, sample, now=now) for gate in one.gates)


def answers(
    one: Watched,
    said: Sequence[GateResult],
    *,
    stable: Target | None,
    sample: Sample,
    found: Findings | None,
    now: float,
) -> tuple[GateResult, ...]:
    """What each gate says of a version.

    Args:
        one: The version.
        said: What the limits say (`limits`).
        stable: What it is compared with.
        sample: What Prometheus answered.
        found: What the comparisons say.
        now: The time, in Unix seconds.
    """
    of_now = found.compared if found is not None and found.are_of(one) and sample.problem is None else {}
    mismatch = _mismatch(one, found)
    return tuple(
        _combined(
            one,
            gate,
            limit,
            of_now.get(gate.name),
            mismatch=mismatch,
            beside=stable is not None,
            stable_limit=_limit(one, gate, stable, sample, now=now) if _may_be_frozen(gate, limit) and stable else None,
        )
        for gate, limit in zip(one.gates, said, strict=True)
    )


def _mismatch(one: Watched, found: Findings | None) -> MismatchStatus | None:
    """That requests do not divide as the route says: as it was found, or as it was written before a restart."""
    known = found.mismatch_of(one) if found is not None else None
    return known or (one.evidence.mismatch if one.evidence is not None else None)


def _combined(
    one: Watched,
    gate: Gate,
    limit: GateResult,
    compared: Compared | None,
    *,
    mismatch: MismatchStatus | None,
    beside: bool,
    stable_limit: GateResult | None,
) -> GateResult:
    try:
        return combined(gate, limit, compared, mismatch=mismatch, stable_limit=stable_limit, beside=beside)
    except Exception as error:
        failed = _failed(one, gate, error)
        return limit if limit.verdict is Verdict.FAIL else failed


def _may_be_frozen(gate: Gate, limit: GateResult) -> bool:
    """Whether it matters what the limit says of stable."""
    return gate.compare is not None and limit.verdict is Verdict.FAIL


def _limit(one: Watched, gate: Gate, target: Target, sample: Sample, *, now: float) -> GateResult:
    attempt, step = (at.timestamp() if at else None for at in (one.attempt_started_at, one.step_started_at))
    try:
        return judge(
            gate,
            sample.evidence.get(target),
            source=one.settings.analysis.source,
            attempt_started_at=attempt,
            step_started_at=step,
            now=now,
            asked=sample.problem is not None or target in sample.evidence,
        )
    except Exception as error:
        return _failed(one, gate, error)


def _failed(one: Watched, gate: Gate, error: Exception) -> GateResult:
    """The answer of a gate that could not be judged."""
    about = {"namespace": one.target.namespace, "model": one.target.model, "version": one.target.version}
    log.exception("a gate could not be judged", extra={**about, "gate": gate.name})
    return unanswered(gate, Missing(Verdict.UNAVAILABLE, f"judging it failed: {type(error).__name__}"))
