"""A gate's verdict from what Prometheus saw of the candidate.

A limit judges counts, never rates or NaN, and says nothing on fewer than `minRequests`. Failing looks at the whole
window, as far as it lies within the present attempt: what an attempt before it answered says nothing against this one.
Passing also asks for enough requests since the step began, so that no step is passed on the evidence of the one before.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from ..api.base import format_duration
from ..api.gates import Gate, Limit, Metric
from ..api.modelversion import Verdict
from .counts import History, Round, rounds

STALE_AFTER = 30.0
"""Seconds without a scrape after which what was seen is no longer evidence."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What Prometheus holds about one version."""

    errors: History
    """All requests, and those answered with a 5xx code."""
    slower: Mapping[float, History]
    """For each edge of the latency histogram, in seconds: all requests, and those slower than it."""


@dataclass(frozen=True, slots=True)
class GateResult:
    """A gate's answer."""

    name: str
    verdict: Verdict
    limit: float
    message: str
    value: float | None = None
    """Share of bad requests within the window (0 to 1); None without requests."""
    requests: int = 0
    """Requests within the window."""
    breached_at: float | None = None
    """When the last scrape that made the gate fail was taken, in Unix seconds."""
    answerable: bool = True
    """Whether waiting may bring an answer; not where the version does not count what is asked for."""


def judge(
    gate: Gate,
    evidence: Evidence | None,
    *,
    attempt_started_at: float | None = None,
    step_started_at: float | None,
    now: float,
) -> GateResult:
    """Answer a gate's question about a version.

    Args:
        gate: The question.
        evidence: What Prometheus holds about the version; None when Prometheus did not answer.
        attempt_started_at: When the present attempt began, in Unix seconds. A time in the future, from a clock that
            was set back since, hides nothing.
        step_started_at: When the current step began, in Unix seconds.
        now: The time, in Unix seconds.
    """
    if evidence is None:
        return _without(gate, Verdict.UNAVAILABLE, "Prometheus does not answer")
    history = _history(gate, evidence)
    if history is None:
        edges = ", ".join(f"{edge:g}s" for edge in sorted(evidence.slower))
        wanted = format_duration(gate.slower_than) if gate.slower_than else "nothing"
        if not edges:
            return _without(gate, Verdict.NO_DATA, "no scrape yet")
        reason = f"{wanted} is not an edge of the histogram, whose edges are {edges}"
        return replace(_without(gate, Verdict.UNAVAILABLE, reason), answerable=False)
    began = attempt_started_at if attempt_started_at is not None and attempt_started_at <= now else -math.inf
    return _judge_limit(gate, rounds(history, after=began), step_started_at=step_started_at, now=now)


def _history(gate: Gate, evidence: Evidence) -> History | None:
    if gate.metric is Metric.ERROR_RATE:
        return evidence.errors
    edge = gate.slower_than.total_seconds() if gate.slower_than else 0.0
    return evidence.slower.get(edge)


def _without(gate: Gate, verdict: Verdict, message: str) -> GateResult:
    return GateResult(name=gate.name, verdict=verdict, limit=gate.limit.above, message=message)


@dataclass(frozen=True, slots=True)
class _Window:
    at: float
    total: float
    bad: float

    def over(self, limit: Limit) -> bool:
        return self.total >= limit.min_requests and self.bad > limit.above * self.total


def _window(history: tuple[Round, ...], end: int, since: float) -> _Window:
    """Counts of the rounds after `since`, up to the one at index `end`."""
    last = history[end]
    base = next((r for r in reversed(history[:end]) if r.at <= since), None)
    if base is None:
        return _Window(last.at, last.total, last.bad)
    return _Window(last.at, last.total - base.total, last.bad - base.bad)


def _requests_since(history: tuple[Round, ...], began: float) -> float:
    """Requests counted after the first round within a step.

    What that round itself counts may be older: all that its pods ever answered, where Prometheus has lost its history.
    """
    return history[-1].total - next((r.total for r in history if r.at >= began), history[-1].total)


def _judge_limit(gate: Gate, history: tuple[Round, ...], *, step_started_at: float | None, now: float) -> GateResult:
    if not history:
        return _without(gate, Verdict.NO_DATA, "no scrape yet")
    if now - history[-1].at > STALE_AFTER:
        return _without(gate, Verdict.NO_DATA, f"the last scrape is {now - history[-1].at:.0f} s old")
    limit, span = gate.limit, gate.limit.window.total_seconds()
    checks = [
        _window(history, end, history[end].at - span)
        for end in range(max(0, len(history) - limit.checks), len(history))
    ]
    over = 0
    for check in reversed(checks):
        if not check.over(limit):
            break
        over += 1
    latest = checks[-1]
    in_step = min(latest.total, _requests_since(history, step_started_at or 0.0))
    verdict, message = _verdict(limit, latest=latest, in_step=in_step, over=over)
    return GateResult(
        name=gate.name,
        verdict=verdict,
        limit=limit.above,
        message=message,
        value=latest.bad / latest.total if latest.total else None,
        requests=round(latest.total),
        breached_at=latest.at if verdict is Verdict.FAIL else None,
    )


def _verdict(limit: Limit, *, latest: _Window, in_step: float, over: int) -> tuple[Verdict, str]:
    share = f"{latest.bad / latest.total:.1%}" if latest.total else "none"
    seen = (
        f"{latest.bad:.0f} of {latest.total:.0f} requests ({share}) bad within {format_duration(limit.window)}, "
        f"limit {limit.above:.1%}"
    )
    if over >= limit.checks:
        return Verdict.FAIL, f"{seen}, in {over} checks in a row"
    if over:
        return Verdict.NO_DATA, f"{seen}, in {over} of {limit.checks} checks"
    if in_step < limit.min_requests:
        return Verdict.NO_DATA, f"{in_step:.0f} of {limit.min_requests} requests needed in this step"
    return Verdict.PASS, seen
