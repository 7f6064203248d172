"""The comparisons of all rollouts with what one Prometheus sees: what is followed, and what it says.

A version says nothing while its histories do not reach back to what was counted last, or one of the two was not scraped
for a while. Nothing here waits for anything: it may run in a thread beside the loop. Nor does anything raise: what
cannot be compared says nothing, and that holds its version.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..analysis.comparison import Comparison, Rollouts, answers
from ..analysis.eprocess import Evidence
from ..analysis.odds import FloatArray
from ..analysis.outlook import requests_to_clear
from ..analysis.readings import factor_to_clear
from ..analysis.verdicts import Compared
from ..api.evidence import Evidence as Recorded
from ..api.evidence import MismatchStatus
from ..api.gates import Gate
from ..prometheus.predictor import Target
from ..prometheus.sampler import Sample
from .folding import Folded, fold
from .followed import Followed, Reach, begun, reach_to_begin
from .watched import Watched

log = logging.getLogger(__name__)

_ENOUGH_SECONDS = 45.0
"""Seconds of spans that must be over before they tell how many requests come."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A version to compare, and the one to compare it with."""

    one: Watched
    stable: Target


@dataclass(frozen=True, slots=True)
class Findings:
    """What the comparisons of a version say."""

    one: Watched
    """The version as it was then."""
    compared: Mapping[str, Compared]
    """By the name of the gate; without those that have nothing to say."""
    recorded: Recorded
    """What is to be in the version's status."""
    mismatch: MismatchStatus | None = None
    """That requests do not divide as the route says: then nothing else of this is to be believed."""

    def mismatch_of(self, one: Watched) -> MismatchStatus | None:
        """What they say of how requests divide, where they are about a version in its present attempt."""
        return self.mismatch if (self.one.uid, self.one.attempt) == (one.uid, one.attempt) else None

    def are_of(self, one: Watched) -> bool:
        """Whether they are about a version in its present step: what allows it to leave another says nothing here."""
        then = (self.one.uid, self.one.attempt, self.one.step, self.one.step_started_at)
        return then == (one.uid, one.attempt, one.step, one.step_started_at)


class Comparing:
    """All comparisons with what one Prometheus sees."""

    def __init__(self) -> None:
        """Follow nothing yet."""
        self._followed: Mapping[Target, Followed] = {}
        self._evidence: Evidence | None = None
        self._through: Mapping[Target, float] = {}
        self.found: Mapping[Target, Findings] = {}
        """What they said last."""

    def reach(self, one: Watched) -> Reach:
        """From when on the histories of a version and of its stable are wanted."""
        known, through = self._followed.get(one.target), self._through.get(one.target)
        if known is None or through is None or not known.is_of(one):
            return reach_to_begin(one)
        return Reach(through - known.looks_back, through - known.looks_back)

    def fold(self, subjects: Sequence[Subject], sample: Sample) -> None:
        """Take what a sample brings; afterwards `found` and `reach` say what came of it."""
        if sample.problem is not None:
            return
        try:
            self._fold(subjects, sample)
        except Exception:
            log.exception("comparisons failed; they begin again from what is written of them")
            self._followed, self._evidence, self._through, self.found = {}, None, {}, {}

    def _fold(self, subjects: Sequence[Subject], sample: Sample) -> None:
        followed, parts = self._follow(subjects, sample)
        if not parts:
            self._followed, self._evidence, self._through, self.found = {}, None, {}, {}
            return
        folded, evidence = fold(followed, parts[0] if len(parts) == 1 else Evidence.join(parts), sample)
        self._followed = {one.followed.one.target: one.followed for one in folded}
        self._evidence = evidence
        self._through = {one.followed.one.target: float(evidence.through[one.rows.start]) for one in folded}
        self.found = _findings(folded, evidence)

    def _follow(self, subjects: Iterable[Subject], sample: Sample) -> tuple[list[Followed], list[Evidence]]:
        """The rollouts that are followed now, and their evidence before the sample, in parts."""
        first: dict[Target, int] = {}
        rows = 0
        for target, known in self._followed.items():
            first[target] = rows
            rows += len(known.gates)
        goes_on: list[Followed] = []
        kept: list[int] = []
        begins: list[tuple[Followed, Evidence]] = []
        for subject in subjects:
            one, before = subject.one, self._followed.get(subject.one.target)
            if before is not None and before.is_of(one) and before.stable == subject.stable:
                goes_on.append(replace(before, one=one))
                kept += range(first[one.target], first[one.target] + len(before.gates))
            elif (new := _begun(subject, sample)) is not None:
                begins.append(new)
        parts = [evidence for _, evidence in begins]
        if self._evidence is not None and kept:
            parts.insert(0, self._evidence if kept == list(range(rows)) else self._evidence.take(kept))
        return [*goes_on, *(followed for followed, _ in begins)], parts


def _begun(subject: Subject, sample: Sample) -> tuple[Followed, Evidence] | None:
    try:
        return begun(subject.one, subject.stable, sample)
    except Exception:
        log.exception("a comparison cannot begin: %s", subject.one.target)
        return None


def _findings(folded: Sequence[Folded], evidence: Evidence) -> dict[Target, Findings]:
    every, needed = _answers(folded, evidence)
    return {
        one.followed.one.target: Findings(
            one=one.followed.one,
            compared={
                gate.name: Compared(every[row], float(needed[row]), rate=_rate(one.followed, gate))
                for gate, row in zip(one.followed.gates, one.rows, strict=True)
                if one.complete and gate.name in one.seen
            },
            recorded=one.followed.recorded,
            mismatch=one.followed.splitting.mismatch,
        )
        for one in folded
    }


def _rate(one: Followed, gate: Gate) -> float | None:
    """Requests to the candidate per second in this step; None for a query's counts, and where little was seen."""
    seen = one.splitting.seen
    seconds = seen.spans * one.span
    return seen.candidate / seconds if gate.metric is not None and seconds >= _ENOUGH_SECONDS else None


def _answers(folded: Sequence[Folded], evidence: Evidence) -> tuple[list[Comparison], FloatArray]:
    """What each row of the evidence answers, and how many requests it still takes."""
    places = np.repeat(np.arange(len(folded)), [len(one.rows) for one in folded])
    seen = [one.followed.one for one in folded]
    alpha, beta = (np.array([getattr(one.settings.analysis, name) for one in seen]) for name in ("alpha", "beta"))
    factor = factor_to_clear(
        np.array([one.weight for one in seen])[places],
        last=np.array([one.is_last_step for one in seen])[places],
        worse_by=evidence.comparisons.worse_by,
    )
    rollouts = Rollouts(
        rollout=places,
        weight=1 / np.array([len(one.rows) for one in folded])[places],
        factor=factor,
        alpha=alpha,
        beta=beta,
        least_odds=np.array([gate.compare.min_effect for one in folded for gate in one.followed.gates if gate.compare]),
    )
    return answers(evidence, rollouts), requests_to_clear(evidence, factor=factor, beta=beta[places])
