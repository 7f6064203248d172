"""How the comparisons of a rollout begin: anew, or where an operator before left them.

An attempt begins with no evidence. What was written of it (status.evidence) is gone on from, if it can be read and says
what this attempt asks. If it does not, nobody knows how much of the attempt's alpha was spent: then all of it is, no
comparison takes the version back any more, and what clears it is counted from the present step on.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from ..analysis import record
from ..analysis.baseline import measured_dispersion, measured_rate
from ..analysis.counts import History
from ..analysis.eprocess import UNKNOWN_DISPERSION, Comparisons, Evidence
from ..analysis.gates import side_by_side
from ..analysis.odds import FloatArray
from ..analysis.spans import LONGEST
from ..analysis.ticks import looks_back, span_of
from ..analysis.verdicts import tolerance_of
from ..api.evidence import Evidence as Recorded
from ..api.evidence import GateEvidence
from ..api.gates import Gate, Metric
from ..prometheus.history import MOST_BACK
from ..prometheus.predictor import Target
from ..prometheus.sampler import Sample
from .splitting import Splitting
from .watched import Watched

BASELINE = 1800.0
"""Seconds before an attempt from which is told what stable does by itself."""
_PATIENCE = 120.0
"""Seconds into the first step for which that history is waited for."""
CLOCKS_DIFFER = 60.0
"""Seconds by which what is later than now may be wrong."""
_ALL_REQUESTS = Gate(name="requests", metric=Metric.ERROR_RATE)


@dataclass(frozen=True, slots=True)
class Followed:
    """A rollout whose comparisons are followed."""

    one: Watched
    stable: Target
    gates: tuple[Gate, ...]
    """Those that compare: one row of evidence each."""
    span: float
    """Length of the spans that are compared, in seconds."""
    began_at: datetime
    """The beginning of the last step for which the test for harm began."""
    splitting: Splitting
    """How its requests divide."""
    recorded: Recorded
    """What is to be in the status."""

    def is_of(self, one: Watched) -> bool:
        """Whether it is the attempt that is seen now."""
        same = (self.one.uid, self.one.attempt) == (one.uid, one.attempt)
        return same and tuple(gate.name for gate in self.gates) == tuple(gate.name for gate in one.comparing)

    @property
    def looks_back(self) -> float:
        """Seconds before what was counted last that the histories must reach."""
        return looks_back(span=self.span, warmup=warmup(self.one))


@dataclass(frozen=True, slots=True)
class Reach:
    """From when on the histories of two versions are wanted, in Unix seconds; None where no further than usual."""

    candidate: float | None
    stable: float | None


def warmup(one: Watched) -> float:
    """Seconds of a new pod that are left out."""
    return one.settings.analysis.warmup.total_seconds()


def reach_to_begin(one: Watched) -> Reach:
    """What is wanted of the histories before the comparisons of a version can begin."""
    told = one.evidence
    if told is not None:
        through = min((gate.through for gate in told.gates if gate.through is not None), default=None)
        since = None if through is None else through - looks_back(span=told.span, warmup=warmup(one))
        return Reach(since, since)
    if not one.step_begun or one.step_started_at is None or one.attempt_started_at is None:
        return Reach(None, None)
    span = max(LONGEST, one.settings.analysis.interval.total_seconds())
    within = one.step_started_at.timestamp() - looks_back(span=span, warmup=warmup(one))
    before = one.attempt_started_at.timestamp() - BASELINE
    return Reach(within, within if one.evidence_lost else min(within, before))


def histories(
    gates: Sequence[Gate], one: Watched, stable: Target, sample: Sample
) -> Mapping[str, tuple[History, History]]:
    """The histories of candidate and stable that each gate compares, by its name; without those that lack one."""
    ours, theirs = sample.evidence.get(one.target), sample.evidence.get(stable)
    if ours is None or theirs is None:
        return {}
    source = one.settings.analysis.source
    found = {gate.name: side_by_side(gate, ours, theirs, source=source) for gate in gates}
    return {name: pair for name, pair in found.items() if pair is not None}


def requests(one: Watched, stable: Target, sample: Sample) -> tuple[History, History] | None:
    """The histories that count all requests of candidate and stable, whatever gates ask."""
    return histories((_ALL_REQUESTS,), one, stable, sample).get(_ALL_REQUESTS.name)


def begun(one: Watched, stable: Target, sample: Sample) -> tuple[Followed, Evidence] | None:
    """A rollout whose comparisons begin, or go on; None while it is too early to say."""
    gates = one.comparing
    if one.evidence is not None:
        evidence = _read(one, one.evidence, gates, now=sample.at)
        if evidence is not None:
            told = one.evidence
            known = Followed(
                one,
                stable,
                gates,
                span=told.span,
                began_at=told.began_at,
                splitting=Splitting.read(told),
                recorded=told,
            )
            return known, evidence
    if one.step_started_at is None or not one.step_begun:
        return None
    pairs = histories(gates, one, stable, sample)
    spent = one.evidence is not None or one.evidence_lost
    if not spent and _history_is_to_come(one, pairs, now=sample.at):
        return None
    span = span_of(
        (history for pair in pairs.values() for history in pair),
        interval=one.settings.analysis.interval.total_seconds(),
        rate=_rate(one, pairs),
        weight=one.least_part,
    )
    if span is None:
        return None
    if spent:
        nothing = Evidence.none(_asked(one, gates, np.full(len(gates), UNKNOWN_DISPERSION)))
        evidence = replace(nothing, started=nothing.comparisons.starts)
    else:
        nothing = Evidence.none(_asked(one, gates, _dispersion(one, gates, pairs, span=span)))
        before = np.minimum(one.step, nothing.comparisons.starts)  # what earlier steps had is spent
        evidence = replace(nothing, started=before).begin(range(len(gates)))
    evidence = evidence.passed(np.full(len(gates), one.step_started_at.timestamp()))
    began_at = one.step_started_at
    splitting = Splitting(mismatch=one.evidence.mismatch if one.evidence is not None else None)
    recorded = recorded_as(evidence, gates, began_at=began_at, span=span, splitting=splitting)
    known = Followed(one, stable, gates, span=span, began_at=began_at, splitting=splitting, recorded=recorded)
    return known, evidence


def recorded_as(
    evidence: Evidence, gates: Sequence[Gate], *, began_at: datetime, span: float, splitting: Splitting
) -> Recorded:
    """Evidence as the status has it, one row for each gate."""
    rows = record.written(evidence)
    told = [GateEvidence.model_validate({"name": gate.name, **row}) for gate, row in zip(gates, rows, strict=True)]
    split, mismatch = splitting.written, splitting.mismatch
    return Recorded(began_at=began_at, span=span, gates=told, split=split, mismatch=mismatch)


def _asked(one: Watched, gates: Sequence[Gate], dispersion: FloatArray) -> Comparisons:
    compares = [gate.compare for gate in gates if gate.compare is not None]
    return Comparisons(
        tolerance=np.array([tolerance_of(gate) for gate in gates]),
        worse_by=np.array([compare.worse_by for compare in compares]),
        dispersion=dispersion,
        negligible=np.array([compare.negligible for compare in compares]),
        starts=np.full(len(gates), one.starts, dtype=np.int64),
    )


def _read(one: Watched, told: Recorded, gates: Sequence[Gate], *, now: float) -> Evidence | None:
    """What was written, if it is this attempt's."""
    interval = one.settings.analysis.interval.total_seconds()
    if [gate.name for gate in told.gates] != [gate.name for gate in gates]:
        return None
    if told.span < interval or not told.span.is_integer():
        return None
    try:
        evidence = record.read([gate.model_dump(mode="json", by_alias=True) for gate in told.gates])
        asked = _asked(one, gates, evidence.comparisons.dispersion)
    except ValueError:
        return None
    same = all(
        np.array_equal(getattr(evidence.comparisons, name), getattr(asked, name))
        for name in ("tolerance", "worse_by", "negligible", "starts")
    )
    reached = np.isfinite(evidence.through).all() and (evidence.through <= now + CLOCKS_DIFFER).all()
    return evidence if same and reached else None


def _baseline(one: Watched) -> tuple[float, float]:
    """The time before an attempt, from and to Unix seconds, from which is told what stable does by itself."""
    began = one.attempt_started_at or one.step_started_at
    ends = began.timestamp() if began is not None else -math.inf
    return ends - BASELINE, ends


def _history_is_to_come(one: Watched, pairs: Mapping[str, tuple[History, History]], *, now: float) -> bool:
    """Whether it is early enough in the step to wait for what is not known yet of that time."""
    enough = max(_baseline(one)[0], now - MOST_BACK + CLOCKS_DIFFER)
    step_began = one.step_started_at.timestamp() if one.step_started_at else now
    return any(stable.since > enough for _, stable in pairs.values()) and now - step_began < _PATIENCE


def _rate(one: Watched, pairs: Mapping[str, tuple[History, History]]) -> float | None:
    """Requests per second to the model, which stable had all to itself before the attempt; None where nobody knows."""
    since, until = _baseline(one)
    found = [measured_rate(stable, since=since, until=until) for _, stable in pairs.values()]
    return max((rate for rate in found if rate is not None), default=None)


def _dispersion(
    one: Watched, gates: Sequence[Gate], pairs: Mapping[str, tuple[History, History]], *, span: float
) -> FloatArray:
    """How far stable's bad requests are from independent ones, for each gate."""
    since, until = _baseline(one)
    return np.array(
        [
            measured_dispersion(pairs[gate.name][1], span=span, since=since, until=until)
            if gate.name in pairs
            else UNKNOWN_DISPERSION
            for gate in gates
        ]
    )
