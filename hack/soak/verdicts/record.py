"""What was seen of each rollout, and what it comes to. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import median

from hack.demo.record import Answer

Figures = dict[str, int | float | None]
MOST_HARM_WEIGHT = 50
"""Percent that a version with harm must not have had."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What became of one rollout.

    Attributes:
        kind: same, clean, harm or quiet.
        phase: The last that was seen.
        gate: What decided, if anything did.
        reason: Why, in the operator's words.
        said: What the gate said last.
        requests_needed: How many more requests it said that it needs; None where it said none.
        seconds_needed: How long it said that they take to come; None where it did not.
        most_weight: Most percent of the traffic that the route gave it before it was promoted.
        ended_at: When that was seen, in Unix seconds.
        seconds: From applying it to then.
        requests: Requests sent until then that it answered, as clients count them.
        failed: Those of them that it failed on.
    """

    kind: str
    model: str
    version: str
    phase: str
    gate: str
    reason: str
    said: str
    requests_needed: int | None
    seconds_needed: int | None
    most_weight: float
    ended_at: float
    seconds: float
    requests: int = 0
    failed: int = 0

    @property
    def promoted(self) -> bool:
        return self.phase == "Stable"

    @property
    def taken_back(self) -> bool:
        return self.phase == "RolledBack"

    @property
    def sentence(self) -> str:
        """One line about it."""
        return f"{self.kind}: {self.phase} after {self.seconds:.0f} s, at most {self.most_weight:.0f} %"


def counted(seen: Seen, answers: Iterable[Answer]) -> Seen:
    """The same with what clients were answered; all answers must have come, also those that took long."""
    own = [one for one in answers if one.version == seen.version and one.sent_at <= seen.ended_at]
    return replace(seen, requests=len(own), failed=sum(one.status == 500 for one in own))


def figures(seen: Sequence[Seen], *, duration_s: float) -> Figures:
    """The figures of a run; one that could not be measured is None, never left out."""
    harm = [one for one in seen if one.kind == "harm" and one.taken_back]
    quiet = [one for one in seen if one.kind == "quiet"]
    counts: Figures = {}
    for kind in ("same", "clean", "harm", "quiet"):
        of = [one for one in seen if one.kind == kind]
        counts[f"{kind}_rollouts"] = len(of)
        counts[f"{kind}_promoted"] = sum(one.promoted for one in of)
        counts[f"{kind}_rolled_back"] = sum(one.taken_back for one in of)
    same = [one for one in seen if one.kind == "same" and one.requests]
    return {
        **counts,
        "base_error_ratio": round(_share(same), 4) if same else None,
        "harm_error_ratio": round(_share(harm), 4) if harm else None,
        "harm_weight_most_percent": max((one.most_weight for one in harm), default=None),
        "harm_requests_median": median(one.requests for one in harm) if harm else None,
        "harm_requests_most": max((one.requests for one in harm), default=None),
        "harm_s_median": round(median(one.seconds for one in harm), 1) if harm else None,
        "quiet_requests_needed": quiet[0].requests_needed if quiet else None,
        "quiet_s_needed": quiet[0].seconds_needed if quiet else None,
        "requests": sum(one.requests for one in seen),
        "duration_s": round(duration_s, 1),
    }


def otherwise(seen: Sequence[Seen]) -> list[str]:
    """What went otherwise than it must, one line each."""
    return [f"{one.model} {one.version}: {wrong}" for one in seen if (wrong := _wrong(one))]


def _wrong(one: Seen) -> str:
    """What is wrong with a rollout's end; empty if nothing is."""
    ended = f"{one.phase}: {one.reason or one.said}"
    if one.kind == "harm":
        if not one.taken_back:
            return f"a version twice as bad was not taken back, it is {ended}"
        late = one.most_weight >= MOST_HARM_WEIGHT
        return f"a version twice as bad had {one.most_weight:.0f} % before it was taken back" if late else ""
    if one.taken_back or one.phase == "Failed":
        return f"a version against itself is {ended}"
    if one.kind == "clean" and not one.promoted:
        return f"a version without errors was not promoted, it is {ended}"
    if one.kind == "quiet" and (one.promoted or one.requests_needed is None or one.seconds_needed is None):
        return f"a quiet version is {ended}, and was to be held and say how long it needs"
    return ""


def _share(seen: Sequence[Seen]) -> float:
    return sum(one.failed for one in seen) / max(1, sum(one.requests for one in seen))
