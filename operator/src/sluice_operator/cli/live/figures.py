"""The numbers of gates in words: what was counted, against which limit, and what the comparison with stable says."""

from ...api.base import format_roughly
from ...api.evidence import ComparisonStatus
from ...api.gates import Gate, Limit
from ...api.status import GateStatus


def reading(said: GateStatus, asked: Gate | None) -> str:
    """What was read within the window, and the limit; empty where nothing was."""
    of_value = asked is not None and not asked.counts_requests
    if of_value and said.value is None:
        return ""
    parts = []
    if said.drift is not None and said.value is not None:
        found = said.drift
        parts.append(f"{max(0.0, said.value):.2g} ({found.low:.2g} to {found.high:.2g}) in {found.predictions:,}")
    elif said.value is not None:
        parts.append(f"{said.value:g}" if of_value else f"{share(said.value)} of {said.requests:,} requests")
    elif said.requests:
        parts.append(f"{said.requests:,} requests")
    limit = line(asked.limit, of_value=of_value) if asked is not None and asked.limit is not None else ""
    if not limit and said.limit is not None:
        limit = f"limit {said.limit:g}"
    return ", ".join([*parts, *([limit] if limit else [])])


def line(limit: Limit, *, of_value: bool) -> str:
    """The threshold in words."""
    words = (("above", limit.above), ("at least", limit.at_least), ("below", limit.below), ("at most", limit.at_most))
    word, at = next(((word, at) for word, at in words if at is not None), ("", None))
    if at is None:
        return ""
    return f"limit {word} {f'{at:g}' if of_value else share(at)}"


def comparison(said: ComparisonStatus | None) -> str:
    """How many times stable's odds of a bad request the candidate has, and what follows."""
    if said is None:
        return ""
    answer = {"Worse": "worse than stable", "Clear": "clear", "Unknown": "cannot tell yet"}[said.answer]
    if said.ratio is None:
        told = f"{said.requests:,} requests compared"
    else:
        high = f"{said.high:.2g}" if said.high is not None else "∞"
        told = f"x{said.ratio:.2g} stable's odds ({said.low:.2g} to {high}) in {said.requests:,}"
    needed = f", about {said.requests_needed:,} more needed{lasting(said)}" if said.requests_needed else ""
    return f"{told}: {answer}{needed}"


def lasting(said: ComparisonStatus) -> str:
    """How long it takes until the requests that are needed have come; empty where nobody knows."""
    return f", about {format_roughly(said.seconds_needed)} at the present rate" if said.seconds_needed else ""


def share(value: float) -> str:
    """A share of requests as a percentage, with the digits that tell it from nothing."""
    if value == 0 or value >= 0.001:
        return f"{value:.1%}"
    return f"{value * 100:.1g}%" if value >= 0.00001 else "<0.001%"
