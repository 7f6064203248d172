"""A gate's one answer, from its limit and its comparison, and one sentence that says why with the numbers.

Either may take a version back, and both must be content before it gets more traffic: a comparison that says it is worse
fails the gate whatever the limit says, and one that cannot tell passes nothing. Where stable crosses the limit as well
and the candidate is not shown to be worse, it is not the candidate that is broken: nothing is taken back for that, and
nothing goes on.
"""

import math
from dataclasses import dataclass, replace

from ..api.base import format_roughly
from ..api.evidence import MismatchStatus
from ..api.gates import Gate, Limit, LimitAction, Metric
from ..api.status import Verdict
from .comparison import Answer, Comparison
from .gates import GateResult
from .limits import threshold

ENVIRONMENT_DEGRADED = "EnvironmentDegraded"
"""The reason that people are told of where a gate is frozen because stable crosses its limit as well."""
SAMPLE_RATIO_MISMATCH = "SampleRatioMismatch"
"""The reason that people are told of where requests do not divide as the route says."""
ALONE = (
    "nothing to compare with: what else serves has no ModelVersion that was promoted; "
    "a person's Advance or Promote goes on without an answer"
)
"""What a comparison says where the object of the version that serves is gone: nobody knows which requests are its."""
LATENCY_TOLERANCE = 1.2
"""Odds ratio of slow requests up to which a version is no worse where its gate does not say: caches of new pods are
colder, and stay so for a while."""


@dataclass(frozen=True, slots=True)
class Compared:
    """A comparison's answer, and when it will know more."""

    comparison: Comparison
    requests_needed: float | None
    """Requests to the candidate still needed to clear it, if it is as good as stable; infinite where they never will.
    None where nobody has asked."""
    rate: float | None = None
    """Requests to the candidate per second in this step; None where that is not known."""

    @property
    def seconds_needed(self) -> float | None:
        """How long that takes at this rate; None where that is not known, or the requests never suffice."""
        needed = self.requests_needed
        if needed is None or not math.isfinite(needed) or not self.rate:
            return None
        return needed / self.rate


def tolerance_of(gate: Gate) -> float:
    """Odds ratio of a bad request up to which a candidate is no worse, by a gate that compares.

    Raises:
        ValueError: The gate does not compare.
    """
    if gate.compare is None:
        raise ValueError(f"gate {gate.name} does not compare")
    if gate.compare.tolerance is not None:
        return gate.compare.tolerance
    # Less than worseBy, also where that is little.
    return min(LATENCY_TOLERANCE, math.sqrt(gate.compare.worse_by)) if gate.metric is Metric.LATENCY else 1.0


def combined(
    gate: Gate,
    limit: GateResult | None,
    compared: Compared | None,
    *,
    stable_limit: GateResult | None,
    mismatch: MismatchStatus | None = None,
    beside: bool = True,
) -> GateResult:
    """The answer of a gate.

    Args:
        gate: The gate, as it is asked now: without a comparison where stable has no requests to compare with.
        limit: What its limit says of the candidate, or, where it has none, whether there is something to look at.
        compared: What its comparison says; None where there is none yet.
        stable_limit: What its limit says of stable, where that is known.
        mismatch: That requests do not divide as the route says: then nothing is concluded from a comparison.
        beside: Whether there is a version to compare with.
    """
    said = limit or GateResult(name=gate.name, verdict=Verdict.PASS, limit=None, message="")
    if gate.metric is Metric.PREDICTION_DRIFT and not beside:
        return replace(said, verdict=Verdict.NO_DATA, answerable=False, message=ALONE)
    if gate.metric is Metric.PREDICTION_DRIFT and mismatch is not None:
        why = mismatch_explained(mismatch)
        return replace(said, verdict=Verdict.NO_DATA, undecided=False, invalid=why, message=why)
    if gate.compare is None:
        return said
    if mismatch is not None:
        return _invalid(gate, said, mismatch, stable_limit)
    said = replace(said, compared=compared)
    if compared is not None and compared.comparison.answer is Answer.WORSE:
        message = _joined(gate, said, explained(gate, compared))
        return replace(said, verdict=Verdict.FAIL, action=LimitAction.ROLLBACK, message=message)
    if said.verdict is Verdict.FAIL and said.action is LimitAction.ROLLBACK:
        return _crossed(gate, said, stable_limit)
    if said.verdict is Verdict.UNAVAILABLE:
        return said
    if compared is None and not beside:
        return replace(said, verdict=_holding(said), answerable=False, message=_joined(gate, said, ALONE))
    if compared is None:
        message = _joined(gate, said, "nothing to compare yet: no time in which both versions were seen")
        return replace(said, verdict=_holding(said), message=message)
    said = replace(said, message=_joined(gate, said, explained(gate, compared)))
    if compared.comparison.answer is Answer.CLEAR:
        return said
    seen_enough = said.verdict is not Verdict.NO_DATA
    return replace(
        said,
        verdict=said.verdict if said.verdict is Verdict.FAIL else Verdict.NO_DATA,
        undecided=seen_enough,
    )


def mismatch_explained(mismatch: MismatchStatus) -> str:
    """Why nothing can be compared, as a sentence with the numbers."""
    return (
        f"the Gateway does not split as the route says: {mismatch.share:.1%} of the requests came where "
        f"{mismatch.weight:.0%} are wanted, so nothing can be compared"
    )


def explained(gate: Gate, compared: Compared) -> str:
    """What a comparison says, as a sentence with its numbers."""
    found = compared.comparison
    seen = f"{_share(found.bad, found.requests, what=' requests')} bad, "
    seen += f"stable {_share(found.stable_bad, found.stable_requests)}"
    ends = [part for part in (_odds(found), _conclusion(gate, compared)) if part]
    sentence = ": ".join((seen, ", ".join(ends))) if ends else seen
    return f"cannot tell yet: {sentence}" if found.answer is Answer.UNKNOWN else sentence


def _invalid(gate: Gate, said: GateResult, mismatch: MismatchStatus, stable_limit: GateResult | None) -> GateResult:
    """What a gate says whose comparison is not valid: its limit goes on."""
    if said.verdict is Verdict.FAIL and said.action is LimitAction.ROLLBACK:
        return _crossed(gate, said, stable_limit)
    if said.verdict is Verdict.UNAVAILABLE:
        return said
    why = mismatch_explained(mismatch)
    return replace(said, verdict=_holding(said), invalid=why, message=_joined(gate, said, why))


def _holding(said: GateResult) -> Verdict:
    """The verdict where a comparison says nothing: also a limit that only tells people does not hide that."""
    holds = said.verdict is Verdict.FAIL and said.action is LimitAction.PAUSE
    return said.verdict if holds else Verdict.NO_DATA


def _crossed(gate: Gate, said: GateResult, stable_limit: GateResult | None) -> GateResult:
    """What a limit that would take the candidate back means beside what it says of stable."""
    if stable_limit is None or gate.limit is None or not _crosses(gate.limit, stable_limit):
        return said
    message = f"{ENVIRONMENT_DEGRADED}: {said.message}; stable: {stable_limit.message}"
    return replace(said, verdict=Verdict.NO_DATA, frozen=True, breached_at=None, message=message)


def _crosses(limit: Limit, stable: GateResult) -> bool:
    """Whether stable is over the limit by now: it may have been scraped a little later than the candidate."""
    line = threshold(limit)
    if line is None or stable.value is None or stable.requests < limit.least_requests:
        return stable.verdict is Verdict.FAIL
    return stable.verdict is Verdict.FAIL or line.crossed(stable.value)


def _joined(gate: Gate, said: GateResult, comparison: str) -> str:
    """Both answers in one sentence; only that of the comparison where the gate has no limit that says anything."""
    silent = not said.message or (gate.limit is None and said.verdict is Verdict.PASS)
    return comparison if silent else f"{said.message}; {comparison}"


def _conclusion(gate: Gate, compared: Compared) -> str:
    found, little = compared.comparison, ", worse by too little to matter" if compared.comparison.slightly_worse else ""
    if found.answer is Answer.CLEAR:
        return f"clear for this step{little}"
    if found.answer is Answer.WORSE:
        allowed = tolerance_of(gate)
        return "worse than stable" if allowed == 1 else f"worse than the {allowed:g} times that are allowed"
    needed = compared.requests_needed
    if needed is None or not math.isfinite(needed):
        return f"more requests are needed{little}"
    seconds = compared.seconds_needed
    lasting = f", about {format_roughly(seconds)} at the present rate" if seconds is not None else ""
    return f"about {_about(needed):,} more requests needed{lasting}{little}"


def _odds(found: Comparison) -> str:
    if found.odds is None:
        return ""
    told = f"{found.odds:.2g} times the odds"
    if found.low > 0 and math.isfinite(found.high):
        return f"{told} ({found.low:.2g} to {found.high:.2g})"
    if found.low > 0:
        return f"{told} (at least {found.low:.2g})"
    return f"{told} (at most {found.high:.2g})" if math.isfinite(found.high) else told


def _share(bad: int, requests: int, *, what: str = "") -> str:
    if not requests:
        return f"0 of 0{what}"
    share = bad / requests
    told = f"{share:.1%}" if share == 0 or share >= 0.001 else f"{share * 100:.1g}%" if share >= 0.0001 else "<0.01%"
    return f"{bad:,} of {requests:,}{what} ({told})"


def _about(needed: float) -> int:
    """Two digits of it, upward: it is an expectation."""
    unit = int(10 ** max(0, math.floor(math.log10(max(needed, 1))) - 1))
    return math.ceil(needed / unit) * unit
