"""A gate's verdict from what Prometheus saw of the candidate: what its limit says of what it counts.

Whoever counts, the question is the same: the Gateway, which also sees requests that no pod answers, the predictor, or a
query of one's own. What an attempt before the present one answered says nothing against this one. Gates that were
stored before the schema was what it is are answered with what is wrong with them.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from ..api.analysis import CountedBy
from ..api.base import format_duration
from ..api.gates import Gate, Limit, LimitAction, Metric
from ..api.status import Verdict
from .consistency import inconsistency
from .counts import History, rounds
from .drift_limit import judge_drift
from .limits import CHECKS, judge_share, judge_value, threshold
from .predictions import Moved, Seen

if TYPE_CHECKING:
    from .verdicts import Compared

_WINDOW = timedelta(minutes=1)
"""How far back a gate looks that has no limit."""


@dataclass(frozen=True, slots=True)
class Values:
    """What the query of a value gave."""

    samples: tuple[tuple[float, float], ...]
    """(Unix seconds, value), oldest first; all finite."""


@dataclass(frozen=True, slots=True)
class Missing:
    """Why there is nothing to judge."""

    verdict: Verdict
    message: str
    answerable: bool = True
    """Whether waiting may bring something."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What Prometheus holds about one version."""

    errors: History
    """All requests, and those answered with a 5xx code."""
    slower: Mapping[float, History]
    """For each edge of the latency histogram, in seconds: all requests, and those slower than it."""
    gateway: "Evidence | None" = None
    """The same as the Gateway counts it; None where the installation does not say which Gateway it has."""
    predictions: Seen | Missing | None = None
    """How far its predictions have moved from stable's; None where nobody asks."""
    custom: Mapping[str, History | Values | Missing] | None = None
    """What the queries of gates gave, by the name of the gate; None where the installation allows none."""


@dataclass(frozen=True, slots=True)
class GateResult:
    """A gate's answer."""

    name: str
    verdict: Verdict
    limit: float | None
    """The threshold; None where the gate has none."""
    message: str
    value: float | None = None
    """Share of bad requests within the window (0 to 1), or the value of its query; None without any."""
    requests: int = 0
    """Requests within the window."""
    breached_at: float | None = None
    """When the last scrape that made the gate fail was taken, in Unix seconds."""
    answerable: bool = True
    """Whether waiting may bring an answer; not where the version does not count what is asked for."""
    action: LimitAction = LimitAction.ROLLBACK
    """What a crossed limit calls for."""
    undecided: bool = False
    """Whether enough was seen, and only the comparison with stable, or its interval, cannot tell yet."""
    frozen: bool = False
    """Whether stable crosses the limit as well, so that nothing is taken back and nothing goes on."""
    invalid: str | None = None
    """Why nothing can be concluded from its comparison; None where something can."""
    compared: "Compared | None" = None
    """What the comparison with stable says."""
    moved: Moved | None = None
    """How far predictions have moved, by a gate that asks that."""


def judge(
    gate: Gate,
    evidence: Evidence | None,
    *,
    source: CountedBy = CountedBy.AUTO,
    attempt_started_at: float | None = None,
    step_started_at: float | None,
    now: float,
    asked: bool = True,
) -> GateResult:
    """Answer a gate's question about a version, as far as its limit goes.

    A gate without a limit passes where there is something to look at.

    Args:
        gate: The question.
        evidence: What Prometheus holds about the version; None when Prometheus did not answer, or was not asked.
        source: Who counts.
        attempt_started_at: When the present attempt began, in Unix seconds. A time in the future, from a clock that
            was set back since, hides nothing.
        step_started_at: When the current step began, in Unix seconds.
        now: The time, in Unix seconds.
        asked: Whether Prometheus has been asked about the version.
    """
    wrong = inconsistency(gate)
    if wrong is not None:
        return unanswered(gate, Missing(Verdict.UNAVAILABLE, wrong, answerable=False))
    if evidence is None:
        why = "Prometheus does not answer" if asked else "Prometheus has not been asked about it yet"
        return unanswered(gate, Missing(Verdict.UNAVAILABLE, why))
    if gate.metric is Metric.PREDICTION_DRIFT:
        return _drifted(gate, evidence.predictions, step_started_at=step_started_at)
    found = counted(gate, evidence, source=source)
    if isinstance(found, Missing):
        return unanswered(gate, found)
    began = attempt_started_at if attempt_started_at is not None and attempt_started_at <= now else -math.inf
    limit = gate.limit
    if isinstance(found, Values):
        later = [sample for sample in found.samples if sample[0] >= began]
        judged = judge_value(limit or Limit(), later, step_started_at=step_started_at, now=now)
    else:
        judged = judge_share(
            limit,
            rounds(found, after=began),
            window=limit.looks_back if limit else _WINDOW,
            step_started_at=step_started_at,
            now=now,
        )
    return replace(
        unanswered(gate, Missing(judged.verdict, judged.message)),
        value=judged.value,
        requests=judged.requests,
        breached_at=judged.breached_at,
        answerable=judged.answerable,
    )


def _drifted(gate: Gate, seen: Seen | Missing | None, *, step_started_at: float | None) -> GateResult:
    """The answer of a gate that asks how far predictions have moved in the present step."""
    if isinstance(seen, Missing):
        return unanswered(gate, seen)
    if seen is None or seen.since != step_started_at:
        return unanswered(gate, Missing(Verdict.NO_DATA, "its predictions in this step have not been asked for yet"))
    judged = judge_drift(gate.limit or Limit(), seen)
    return replace(
        unanswered(gate, Missing(judged.verdict, judged.message)),
        value=judged.value,
        undecided=judged.undecided,
        moved=seen.said,
    )


def counted(gate: Gate, evidence: Evidence, *, source: CountedBy) -> History | Values | Missing:
    """What a gate judges of all that is known about a version.

    Auto is for errors the Gateway, where it counts the version: it sees what no pod answers. For latency it is the
    predictor, where it has the edge: what a Gateway measures has the network in it, and few edges.
    """
    if gate.query is not None:
        return _custom(gate, evidence)
    if source is CountedBy.GATEWAY:
        return _at_gateway(gate, evidence)
    for one in _counters(gate, source):
        found = _at_gateway(gate, evidence) if one is CountedBy.GATEWAY else _of(gate, evidence)
        if isinstance(found, History) and found.pods:
            return found
    return _of(gate, evidence)


def side_by_side(
    gate: Gate, candidate: Evidence, stable: Evidence, *, source: CountedBy
) -> tuple[History, History] | None:
    """What a gate compares of two versions, both counted by the same; None where there is nothing of one of them."""
    for counter in _counters(gate, source):
        ours, theirs = (counted(gate, evidence, source=counter) for evidence in (candidate, stable))
        if isinstance(ours, History) and isinstance(theirs, History) and ours.pods and theirs.pods:
            return ours, theirs
    return None


def reach(gate: Gate) -> float:
    """Seconds that each look of a gate's limit reaches back, and those for which it must be crossed."""
    if gate.limit is None:
        return _WINDOW.total_seconds()
    return (gate.limit.looks_back + (gate.limit.for_ or timedelta())).total_seconds()


def looks(gate: Gate) -> int:
    """How many scrapes in a row a gate's limit must have been seen at beside them."""
    if gate.limit is None:
        return 0
    return 2 if gate.limit.for_ else gate.limit.checks or CHECKS


def _counters(gate: Gate, source: CountedBy) -> tuple[CountedBy, ...]:
    """Who may count for a gate; the first that does is believed."""
    if source is not CountedBy.AUTO:
        return (source,)
    if gate.metric is Metric.LATENCY:
        return CountedBy.PREDICTOR, CountedBy.GATEWAY
    return CountedBy.GATEWAY, CountedBy.PREDICTOR


def _at_gateway(gate: Gate, evidence: Evidence) -> History | Missing:
    if evidence.gateway is None:
        how = "the installation does not say which Gateway it has: set the chart's prometheus.gateway"
        return Missing(Verdict.UNAVAILABLE, how, answerable=False)
    if not evidence.gateway.errors.pods:
        return Missing(Verdict.UNAVAILABLE, "the Gateway counts no requests of it yet")
    return _of(gate, evidence.gateway)


def _of(gate: Gate, evidence: Evidence) -> History | Missing:
    if gate.metric is Metric.ERROR_RATE or gate.slower_than is None:
        return evidence.errors
    history = evidence.slower.get(gate.slower_than.total_seconds())
    if history is not None:
        return history
    edges = ", ".join(f"{edge:g}s" for edge in sorted(evidence.slower))
    if not edges:
        return Missing(Verdict.NO_DATA, "no scrape yet")
    wanted = format_duration(gate.slower_than)
    reason = f"{wanted} is not an edge of the histogram, whose edges are {edges}"
    return Missing(Verdict.UNAVAILABLE, reason, answerable=False)


def _custom(gate: Gate, evidence: Evidence) -> History | Values | Missing:
    if evidence.custom is None:
        how = "this installation asks no queries of one's own: allow them by the chart's prometheus.customQueries"
        return Missing(Verdict.UNAVAILABLE, f"{how}, or name a metric", answerable=False)
    return evidence.custom.get(gate.name, Missing(Verdict.NO_DATA, "its query has not been answered yet"))


def unanswered(gate: Gate, found: Missing) -> GateResult:
    """The answer of a gate that has nothing to judge."""
    line = threshold(gate.limit) if gate.limit else None
    return GateResult(
        name=gate.name,
        verdict=found.verdict,
        limit=line.at if line else None,
        message=found.message,
        answerable=found.answerable,
        action=gate.limit.action if gate.limit else LimitAction.ROLLBACK,
    )
