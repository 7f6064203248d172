"""Whether a limit is crossed: by a share of requests over a window, or by a value, for as long as the limit asks.

Counts are judged, never rates or NaN, and nothing is said on fewer than `minRequests`. Failing looks at whole windows;
passing also asks for enough since the step began, so that no step is passed on the evidence of the one before.
"""

import operator
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

from ..api.base import format_duration
from ..api.gates import Limit
from ..api.status import Verdict
from .counts import Round

STALE_AFTER = 30.0
"""Seconds without a scrape after which what was seen is no longer evidence, where scrapes are not far apart."""
SCRAPED_WITHIN = 60.0
"""Seconds between two scrapes at most for a limit to be judged: what is held reaches back as far as such need."""
_JITTER = 1.0
"""Seconds by which scrapes may be further apart than they were meant to be."""
CHECKS = 3
"""How many checks in a row a limit asks for that says neither checks nor for."""

_CROSSED: Mapping[str, Callable[[float, float], bool]] = {
    "above": operator.gt,
    "at_least": operator.ge,
    "below": operator.lt,
    "at_most": operator.le,
}
_TOLD = {
    "above": "limit {}",
    "at_least": "must be less than {}",
    "below": "must be at least {}",
    "at_most": "must be more than {}",
}


@dataclass(frozen=True, slots=True)
class Threshold:
    """What a limit is crossed at."""

    kind: str
    at: float

    def crossed(self, value: float) -> bool:
        """Whether a value is on the wrong side."""
        return _CROSSED[self.kind](value, self.at)

    def told(self, spelled: Callable[[float], str]) -> str:
        """The threshold in words."""
        return _TOLD[self.kind].format(spelled(self.at))


def threshold(limit: Limit) -> Threshold | None:
    """The threshold of a limit; None where it has none, or several."""
    given = [Threshold(kind, at) for kind in _CROSSED if (at := getattr(limit, kind)) is not None]
    return given[0] if len(given) == 1 else None


@dataclass(frozen=True, slots=True)
class Judged:
    """What a limit says."""

    verdict: Verdict
    message: str
    value: float | None = None
    """Share of bad requests within the window (0 to 1), or the last value."""
    requests: int = 0
    """Requests within the window."""
    breached_at: float | None = None
    """When the last scrape that made it fail was taken, in Unix seconds."""
    answerable: bool = True
    """Whether waiting may bring an answer."""
    undecided: bool = False
    """Whether enough was seen, and it does not tell on which side of the limit it is."""


def judge_share(
    limit: Limit | None, rounds: Sequence[Round], *, window: timedelta, step_started_at: float | None, now: float
) -> Judged:
    """Judge the share of bad requests.

    Args:
        limit: None only asks whether there is something to look at.
        rounds: Cumulative counts, oldest first.
        window: How far back requests are counted.
        step_started_at: When the current step began, in Unix seconds.
        now: The time, in Unix seconds.
    """
    if not rounds:
        return Judged(Verdict.NO_DATA, "no scrape yet")
    times = [found.at for found in rounds]
    if _is_stale(times, now=now):
        return _too_rarely(times) or Judged(Verdict.NO_DATA, f"the last scrape is {now - rounds[-1].at:.0f} s old")
    span = window.total_seconds()
    latest = _window(rounds, len(rounds) - 1, span)
    value = latest.share
    seen = f"{latest.bad:.0f} of {latest.total:.0f} requests ({_percent(value or 0.0)}) bad"
    seen += f" within {format_duration(window)}"
    line = threshold(limit) if limit else None
    if limit is None or line is None:
        return _traffic(latest, window) or Judged(Verdict.PASS, seen, value, round(latest.total))

    def over(index: int) -> bool:
        counted = _window(rounds, index, span)
        return counted.total >= limit.least_requests and line.crossed(counted.bad / counted.total)

    verdict, lasting = _streak(limit, times, over)
    if verdict is not Verdict.FAIL and (rarely := _too_rarely(times)) is not None:
        return rarely
    if verdict is not None:
        failed_at = latest.at if verdict is Verdict.FAIL else None
        return Judged(
            verdict, f"{seen}, {line.told(_percent)}, {lasting}", value, round(latest.total), breached_at=failed_at
        )
    in_step = min(latest.total, _requests_since(rounds, step_started_at or 0.0))
    if (nothing := _traffic(latest, window)) is not None:
        return nothing
    if in_step < limit.least_requests:
        few = f"{in_step:.0f} of {limit.least_requests} requests needed in this step"
        return Judged(Verdict.NO_DATA, few, value, round(latest.total))
    return Judged(Verdict.PASS, f"{seen}, {line.told(_percent)}", value, round(latest.total))


def judge_value(
    limit: Limit, values: Sequence[tuple[float, float]], *, step_started_at: float | None, now: float
) -> Judged:
    """Judge a value that is looked at now and then.

    Args:
        limit: Has one threshold.
        values: (Unix seconds, value), oldest first; all finite.
        step_started_at: When the current step began, in Unix seconds.
        now: The time, in Unix seconds.
    """
    line = threshold(limit)
    if not values or line is None:
        return Judged(Verdict.NO_DATA, "its query has given no number yet")
    times = [at for at, _ in values]
    if _is_stale(times, now=now):
        return Judged(Verdict.NO_DATA, f"its query gave its last number {now - times[-1]:.0f} s ago")
    value = values[-1][1]
    seen = f"{_number(value)}, {line.told(_number)}"
    verdict, lasting = _streak(limit, times, lambda index: line.crossed(values[index][1]))
    if verdict is not None:
        return Judged(verdict, f"{seen}, {lasting}", value, breached_at=times[-1] if verdict is Verdict.FAIL else None)
    few = _too_soon(limit, times[bisect_left(times, step_started_at or 0.0) :])
    return Judged(Verdict.NO_DATA, few, value) if few else Judged(Verdict.PASS, seen, value)


@dataclass(frozen=True, slots=True)
class _Window:
    at: float
    total: float
    bad: float

    @property
    def share(self) -> float | None:
        return self.bad / self.total if self.total else None


def _window(rounds: Sequence[Round], end: int, span: float) -> _Window:
    """Counts of the rounds of the last `span` seconds, up to the one at index `end`."""
    last = rounds[end]
    base = bisect_right(rounds, last.at - span, hi=end, key=lambda found: found.at) - 1
    if base < 0:
        return _Window(last.at, last.total, last.bad)
    total = last.total - rounds[base].total
    return _Window(last.at, total, min(last.bad - rounds[base].bad, total))  # great sums are rounded


def _requests_since(rounds: Sequence[Round], began: float) -> float:
    """Requests counted after the first round within a step.

    What that round itself counts may be older: all that its pods ever answered, where Prometheus has lost its history.
    """
    return rounds[-1].total - next((found.total for found in rounds if found.at >= began), rounds[-1].total)


def _traffic(latest: _Window, window: timedelta) -> Judged | None:
    if latest.total:
        return None
    return Judged(Verdict.NO_DATA, f"no request within {format_duration(window)}, though it is scraped")


def _too_rarely(times: Sequence[float]) -> Judged | None:
    """What is said where scrapes are so far apart that what is held need not hold as many as the limit asks for."""
    every = _between(times)
    if every <= SCRAPED_WITHIN + _JITTER:
        return None
    message = f"scraped every {every:.0f} s: a limit is judged where it is at most {SCRAPED_WITHIN:.0f} s"
    return Judged(Verdict.UNAVAILABLE, message, answerable=False)


def _between(times: Sequence[float]) -> float:
    """Seconds between two looks, as they usually were; 0 where too few were taken to say."""
    if len(times) < 3:
        return 0.0
    return sorted(later - before for before, later in pairwise(times))[(len(times) - 2) // 2]


def _is_stale(times: Sequence[float], *, now: float) -> bool:
    return now - times[-1] > STALE_AFTER and now - times[-1] > _stale_after(times)


def _stale_after(times: Sequence[float]) -> float:
    """Seconds after which a look is too old; two looks as far apart as usual must not be."""
    return max(STALE_AFTER, 2 * min(_between(times), SCRAPED_WITHIN))


def _streak(limit: Limit, times: Sequence[float], over: Callable[[int], bool]) -> tuple[Verdict | None, str]:
    """Whether the limit is crossed for as long as it asks, or begins to be; and for how long."""
    return _for(limit.for_, times, over) if limit.for_ else _checks(limit.checks or CHECKS, times, over)


def _checks(wanted: int, times: Sequence[float], over: Callable[[int], bool]) -> tuple[Verdict | None, str]:
    count = 0
    for index in range(len(times) - 1, max(-1, len(times) - 1 - wanted), -1):
        if not over(index):
            break
        count += 1
    if count >= wanted:
        return Verdict.FAIL, f"in {count} checks in a row"
    return (Verdict.NO_DATA, f"in {count} of {wanted} checks") if count else (None, "")


def _for(wanted: timedelta, times: Sequence[float], over: Callable[[int], bool]) -> tuple[Verdict | None, str]:
    """Nobody looked between two scrapes too far apart, so that they are not one stretch of time."""
    since: float | None = None
    apart = _stale_after(times)
    for index in range(len(times) - 1, -1, -1):
        if (since is not None and since - times[index] > apart) or not over(index):
            break
        since = times[index]
        if times[-1] - since >= wanted.total_seconds():
            return Verdict.FAIL, f"for {format_duration(wanted)}"
    if since is None:
        return None, ""
    return Verdict.NO_DATA, f"for {times[-1] - since:.0f}s of {format_duration(wanted)}"


def _too_soon(limit: Limit, in_step: Sequence[float]) -> str:
    """What is missing of a step's looks at a value; empty where it is enough."""
    if limit.for_:
        lasted = in_step[-1] - in_step[0] if in_step else 0.0
        wanted = limit.for_.total_seconds()
        return f"{lasted:.0f}s of {format_duration(limit.for_)} needed in this step" if lasted < wanted else ""
    wanted_checks = limit.checks or CHECKS
    few = len(in_step) < wanted_checks
    return f"{len(in_step)} of {wanted_checks} checks needed in this step" if few else ""


def _percent(share: float) -> str:
    return f"{share:.1%}" if share == 0 or share >= 0.001 else f"{share * 100:.2g}%"


def _number(value: float) -> str:
    return f"{value:.6g}"
