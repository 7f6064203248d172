"""Which version had which share of a model's requests, from the weights in its transitions.

A weight is the one that was read back from the route. Each version tells its own: of those told at different moments
the latest counts, and the version that has most of the others takes up the difference. So shares sum to the whole at
every moment at which anybody served.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby

from .facts import Change


@dataclass(frozen=True, slots=True)
class Span:
    """A time in which weights stayed as they were."""

    start: datetime
    end: datetime | None
    """None: still so at the end of the record."""
    weights: Mapping[str, int]
    """Percent by version; only those above 0, and they sum to 100. Empty while nobody served."""
    seq: int
    """The record that began it."""


@dataclass(frozen=True, slots=True)
class Usage:
    """How much of a model's requests one version had in a time."""

    version: str
    percent_seconds: float
    """Percent times seconds: an hour of half the requests is 180,000."""
    share: float
    """Of all requests while anybody served, if they came evenly; 0 to 1. Shares sum to 1."""
    seconds: float
    """How long it had any."""
    first: datetime
    last: datetime
    """From when to when, with gaps between."""


def spans(changes: Iterable[Change]) -> tuple[Span, ...]:
    """The spans of one model, one after another without a gap."""
    told: dict[str, int] = {}
    found: list[Span] = []
    ordered = sorted((one for one in changes if one.weight is not None), key=lambda one: (one.at, one.seq))
    for at, several in groupby(ordered, key=lambda one: one.at):
        seq = 0
        for change in several:
            told.pop(change.version, None)
            told[change.version], seq = change.weight or 0, change.seq
        weights = _table(told)
        if found and found[-1].weights == weights:
            continue
        if found:
            found[-1] = replace(found[-1], end=at)
        if found or weights:
            found.append(Span(start=at, end=None, weights=weights, seq=seq))
    return tuple(found)


def _table(told: dict[str, int]) -> Mapping[str, int]:
    """Weights that sum to 100, from what each version told, the latest last."""
    table, left = {}, 100
    for version, weight in reversed(told.items()):
        table[version] = min(weight, left)
        left -= table[version]
    greatest = max(table, key=lambda version: table[version], default="")
    if left and greatest and table[greatest]:
        latest = next(reversed(told))
        others = [version for version in table if version != latest and table[version]]
        table[max(others, key=lambda version: table[version]) if others else greatest] += left
    return {version: weight for version, weight in sorted(table.items()) if weight}


def span_at(found: Sequence[Span], moment: datetime) -> Span | None:
    """The span that a moment is in; None before the first."""
    return next((one for one in reversed(found) if one.start <= moment), None)


def within(found: Sequence[Span], *, since: datetime, until: datetime) -> tuple[Span, ...]:
    """The spans of a time, cut to it."""
    cut = (replace(one, start=max(one.start, since), end=min(one.end or until, until)) for one in found)
    return tuple(one for one in cut if one.end is not None and one.start < one.end)


def usage(found: Sequence[Span], *, since: datetime, until: datetime) -> tuple[Usage, ...]:
    """How much each version had in a time, the most first."""
    parts: dict[str, list[tuple[Span, float, int]]] = {}
    for one in within(found, since=since, until=until):
        length = ((one.end or until) - one.start) / timedelta(seconds=1)
        for version, weight in one.weights.items():
            parts.setdefault(version, []).append((one, length, weight))
    whole = sum(length * weight for some in parts.values() for _, length, weight in some)
    used = [_usage(version, some, whole) for version, some in parts.items()]
    return tuple(sorted(used, key=lambda one: (-one.percent_seconds, one.version)))


def _usage(version: str, parts: Sequence[tuple[Span, float, int]], whole: float) -> Usage:
    percent_seconds = sum(length * weight for _, length, weight in parts)
    last = parts[-1][0]
    return Usage(
        version=version,
        percent_seconds=percent_seconds,
        share=percent_seconds / whole,
        seconds=sum(length for _, length, _ in parts),
        first=parts[0][0].start,
        last=last.end or last.start,
    )
