"""Whether requests divide between two versions as the route says: looked at within a step, and remembered.

A step has one weight, so counting begins anew with each, and some time after it began: connections and copies of the
route in the Gateway take a moment. Once requests are shown to divide otherwise, the evidence of the attempt is spoilt
and stays so: it was counted while something else decided who was asked.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Self

from ..analysis.divisions import Division
from ..analysis.split import Split
from ..api.evidence import Evidence as Recorded
from ..api.evidence import MismatchStatus, SplitEvidence
from .watched import Watched

SETTLED_AFTER = 30.0
"""Seconds into a step from which on the Gateway's processes are taken to have its weight."""
_PART = 0.1
"""The part of an attempt's alpha with which this may be wrong: it is spent beside it."""


@dataclass(frozen=True, slots=True)
class Splitting:
    """How the requests of a rollout divide."""

    since: datetime | None = None
    """The beginning of the step that is counted."""
    seen: Split = field(default_factory=Split)
    mismatch: MismatchStatus | None = None
    """That they do not divide as they should, since it was shown."""

    @classmethod
    def read(cls, told: Recorded) -> Self:
        """What was written of it."""
        if told.split is None:
            return cls(mismatch=told.mismatch)
        counted = told.split
        seen = Split(candidate=counted.candidate, stable=counted.stable, spans=counted.spans, squares=counted.squares)
        return cls(since=counted.since, seen=seen, mismatch=told.mismatch)

    @property
    def written(self) -> SplitEvidence | None:
        """What is to be written of the counts."""
        if self.since is None:
            return None
        seen = self.seen
        return SplitEvidence(
            since=self.since, candidate=seen.candidate, stable=seen.stable, spans=seen.spans, squares=seen.squares
        )

    def within(self, one: Watched) -> Self:
        """The same in the present step of a rollout, of which nothing is counted yet where it is another."""
        if one.step_started_at == self.since:
            return self
        return replace(self, since=one.step_started_at, seen=Split())

    def after(self, divisions: Iterable[Division], *, one: Watched, span: float) -> Self:
        """The same with more spans, of which those count in which the step's weight was settled."""
        if not one.step_begun or self.since is None or not 0 < one.weight < 1:
            return self
        settled, seen, mismatch = self.since.timestamp() + SETTLED_AFTER, self.seen, self.mismatch
        for division in divisions:
            if division.at - span < settled:
                continue
            seen = seen.after(candidate=division.candidate, stable=division.stable)
            # Each step has its part, so that together they are wrong no more often than that.
            alpha = _PART * one.settings.analysis.alpha / max(1, one.starts)
            if mismatch is None and seen.differs(one.weight, alpha=alpha):
                mismatch = MismatchStatus(share=round(seen.share, 6), weight=one.weight)
        return replace(self, seen=seen, mismatch=mismatch)
