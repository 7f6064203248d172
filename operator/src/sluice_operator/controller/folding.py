"""What a sample brings to the evidence of all rollouts: the spans that are over, taken side by side.

Spans are taken in their order, each once; a step begins between those that ended before it and those that ended after;
and at moments that Prometheus' time gives, evidence is rounded to what is written of it. So what comes of it does not
depend on when one looked, nor on whether the operator was started anew in between: who reads what was written and
takes the spans since comes to the same.
"""

import logging
import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from ..analysis.counts import History
from ..analysis.divisions import Division, divisions
from ..analysis.eprocess import Evidence
from ..analysis.limits import STALE_AFTER
from ..analysis.odds import Tick
from ..analysis.ticks import Counts, ticks
from ..prometheus.history import MOST_BACK
from ..prometheus.sampler import Sample
from .followed import CLOCKS_DIFFER, Followed, histories, recorded_as, requests, warmup

log = logging.getLogger(__name__)

_RECORDED_EVERY = 600.0
"""Seconds after which evidence is written within a step: as much is replayed at most."""
_MOST_SPANS = 240
"""Spans of a rollout that are taken at a time: a long replay does not keep the others waiting."""


@dataclass(slots=True)
class Folded:
    """A rollout after a sample."""

    followed: Followed
    rows: range
    """Its rows of the evidence, one for each gate."""
    complete: bool
    """Whether all spans that are over are taken, and some of them ended within its present step."""
    seen: frozenset[str]
    """The gates of which both versions were scraped of late."""
    spans: Sequence[Sequence[Counts]]
    """What there is to take, by row."""
    divided: Sequence[Division]
    """How requests divided."""
    until: float
    """When the last of it ended, in Unix seconds."""


def fold(followed: Sequence[Followed], evidence: Evidence, sample: Sample) -> tuple[list[Folded], Evidence]:
    """Take what a sample brings; the rows of the evidence are those of the rollouts in their order."""
    every: list[Folded] = []
    for one in followed:
        first = every[-1].rows.stop if every else 0
        rows = range(first, first + len(one.gates))
        try:
            every.append(_brought(one, rows, evidence, sample))
        except Exception:
            log.exception("what was counted cannot be compared: %s", one.one.target)
            every.append(_nothing(one, rows))
    left = [one for one in every if one.until > -math.inf]
    while left:
        moments = [_next_moment(one, evidence) for one in left]
        ends = [min(moment.at, one.until) for moment, one in zip(moments, left, strict=True)]
        evidence = _taken(evidence, left, ends)
        come = [(one, moment) for one, moment in zip(left, moments, strict=True) if moment.at <= one.until]
        evidence = _settled(evidence, come)
        left = [one for one, _ in come]
    for folded in every:
        folded.complete = folded.complete and _next_moment(folded, evidence).begins is None
        folded.followed = _with_mismatch(folded.followed)
    return every, evidence


def _brought(one: Followed, rows: range, evidence: Evidence, sample: Sample) -> Folded:
    pairs = histories(one.gates, one.one, one.stable, sample)
    after = float(evidence.through[rows.start])
    wanted = max(after - one.looks_back, sample.at - MOST_BACK + CLOCKS_DIFFER)
    if not pairs or any(history.since > wanted for pair in pairs.values() for history in pair):
        return _nothing(one, rows)
    scraped = {name: [_last(history) for history in pair] for name, pair in pairs.items()}
    ended = max(max(times) for times in scraped.values())
    most = after + (_MOST_SPANS + 1) * one.span
    fresh = sample.at - max(STALE_AFTER, 3 * one.span)
    both = requests(one.one, one.stable, sample)
    if both is not None and any(history.since > wanted for history in both):
        both = None
    return Folded(
        replace(one, splitting=one.splitting.within(one.one)),
        rows,
        complete=ended <= most,
        seen=frozenset(name for name, times in scraped.items() if min(times) >= fresh),
        spans=[
            ticks(*pairs[gate.name], span=one.span, warmup=warmup(one.one), after=after, until=min(ended, most))
            if gate.name in pairs
            else ()
            for gate in one.gates
        ],
        divided=divisions(*both, span=one.span, after=after, until=min(ended, most)) if both is not None else (),
        until=min(ended, most) - one.span,
    )


def _nothing(one: Followed, rows: range) -> Folded:
    return Folded(one, rows, complete=False, seen=frozenset(), spans=(), divided=(), until=-math.inf)


def _with_mismatch(one: Followed) -> Followed:
    """A rollout of which it is written at once that its requests do not divide as they should."""
    mismatch = one.splitting.mismatch
    if mismatch is None or one.recorded.mismatch is not None:
        return one
    return replace(one, recorded=one.recorded.model_copy(update={"mismatch": mismatch}))


def _last(history: History) -> float:
    return max((pod.scrapes[-1].at for pod in history.pods if pod.scrapes), default=-math.inf)


@dataclass(frozen=True, slots=True)
class _Moment:
    """When something is done to a rollout's evidence besides taking spans."""

    at: float
    """In Unix seconds."""
    begins: datetime | None
    """The beginning of the step that begins then; otherwise evidence is only written down."""


def _next_moment(one: Folded, evidence: Evidence) -> _Moment:
    known, seen = one.followed, one.followed.one
    every = math.ceil(_RECORDED_EVERY / known.span)
    # Each at a time of its own, so that not all are written at once.
    offset = zlib.crc32("/".join((seen.target.namespace, seen.target.model, seen.target.version)).encode()) % every
    before = max(float(evidence.through[one.rows.start]), known.began_at.timestamp())
    at = ((math.floor(before / known.span - offset) // every + 1) * every + offset) * known.span
    step = seen.step_started_at
    # A step that begins again has no second start.
    is_new = step != known.began_at and int(evidence.started[one.rows.start]) <= seen.step
    if seen.step_begun and step is not None and is_new and step.timestamp() <= at:
        return _Moment(step.timestamp(), begins=step)
    return _Moment(at, begins=None)


def _taken(evidence: Evidence, left: Sequence[Folded], ends: Sequence[float]) -> Evidence:
    """Evidence with the spans up to a moment of each rollout: all that are at the same place in one go."""
    queues: list[tuple[int, list[Counts]]] = []
    through = evidence.through.copy()
    for one, end in zip(left, ends, strict=True):
        after = float(through[one.rows.start])
        divided = [division for division in one.divided if after < division.at <= end]
        known = one.followed
        one.followed = replace(known, splitting=known.splitting.after(divided, one=known.one, span=known.span))
        for row, spans in zip(one.rows, one.spans, strict=True):
            reached = float(through[row])
            queues.append((row, [counts for counts in spans if reached < counts.at <= end]))
            through[row] = math.floor(end / one.followed.span) * one.followed.span
    for place in range(max(len(queue) for _, queue in queues)):
        now = [(row, queue[place]) for row, queue in queues if place < len(queue)]
        rows = [row for row, _ in now]
        evidence = evidence.put(rows, evidence.take(rows).after(_tick([counts for _, counts in now])))
    return evidence.passed(through)


def _tick(counted: Sequence[Counts]) -> Tick:
    return Tick(
        at=np.array([one.at for one in counted]),
        candidate=np.array([one.candidate for one in counted], dtype=np.int64),
        candidate_bad=np.array([one.candidate_bad for one in counted], dtype=np.int64),
        stable=np.array([one.stable for one in counted], dtype=np.int64),
        stable_bad=np.array([one.stable_bad for one in counted], dtype=np.int64),
    )


def _settled(evidence: Evidence, come: Sequence[tuple[Folded, _Moment]]) -> Evidence:
    """Evidence at the moments of some rollouts: it is rounded and written down, and where a step begins, it does."""
    if not come:
        return evidence
    evidence = evidence.settled([row for one, _ in come for row in one.rows])
    evidence = evidence.begin([row for one, moment in come if moment.begins is not None for row in one.rows])
    for one, moment in come:
        known = one.followed
        began_at = moment.begins or known.began_at
        recorded = recorded_as(
            evidence.take(one.rows), known.gates, began_at=began_at, span=known.span, splitting=known.splitting
        )
        one.followed = replace(known, began_at=began_at, recorded=recorded)
    return evidence
