"""Two versions of a model side by side, and which of them the evidence speaks for.

What gates counted of both at the same time, under the same traffic, is evidence about the two versions. What they
counted at different times is also about the times: it is shown, and never decides. Intervals are of 95 %, for one look
(`analysis.intervals`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ..analysis import classics
from ..analysis.intervals import Interval, newcombe, wilson
from .account import Account, ModelAccount
from .facts import ORIGIN_FIELDS, Counts, Judgement, Odds

NEGLIGIBLE = 0.005
"""Difference of two shares of bad requests that nobody minds: a gate's `negligible`, unless it says otherwise."""
SMALLEST = 0.001
"""Difference below which nothing is called worse or better, as verdicts do."""


class Word(StrEnum):
    """What to do, with the first version serving."""

    UPGRADE = "upgrade"
    CONSIDER = "consider"
    STAY = "stay"
    EQUIVALENT = "equivalent"


@dataclass(frozen=True, slots=True)
class Share:
    """Share of bad requests, 0 to 1, with its Wilson interval."""

    bad: int
    total: int
    share: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class GateRow:
    """What one gate counted of both versions."""

    gate: str
    first: Share | None
    second: Share | None
    difference: float | None
    """The second's share less the first's, with Newcombe's interval."""
    low: float | None
    high: float | None
    together: bool
    """Whether both were counted at the same time."""
    odds: Odds | None
    """Of a bad request, the second to the first, as its comparison had it; where both were counted at the same time."""


@dataclass(frozen=True, slots=True)
class MetricRow:
    """What both reached before they were rolled out."""

    name: str
    first: float | None
    second: float | None


@dataclass(frozen=True, slots=True)
class FieldRow:
    """Where both came from, or what serves them."""

    name: str
    first: str
    second: str

    @property
    def differs(self) -> bool:
        """Whether it is another; what is not known of one is no difference."""
        return bool(self.first and self.second) and self.first != self.second


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two versions side by side: what differs first."""

    first: str
    second: str
    gates: tuple[GateRow, ...]
    metrics: tuple[MetricRow, ...]
    fields: tuple[FieldRow, ...]
    recommendation: Word
    evidence: str
    """Why, in one sentence."""


def compare(model: ModelAccount, first: str, second: str) -> Comparison:
    """Put two versions side by side.

    Raises:
        KeyError: The record has not both of them.
    """
    one, other = model.versions[first], model.versions[second]
    gates = tuple(_gates(model, one, other))
    word, evidence = recommended(gates, one, other)
    return Comparison(
        first=first,
        second=second,
        gates=gates,
        metrics=_metrics(one, other),
        fields=_fields(one, other),
        recommendation=word,
        evidence=evidence,
    )


def recommended(gates: Sequence[GateRow], one: Account, other: Account) -> tuple[Word, str]:
    """What the evidence speaks for, and the sentence that says why. docs/report.md has the rule."""
    if other.taken_back is not None:
        why = other.taken_back.reason.rstrip(".") or other.taken_back.after
        return Word.STAY, f"{other.version} was taken back: {why}."
    known = [row for row in gates if row.together]
    if worse := [row for row in known if (row.low or 0) > 0 and (row.difference or 0) >= SMALLEST]:
        return Word.STAY, f"{other.version} is worse at {_told(worse)}."
    if not known:
        return Word.CONSIDER, f"No gate has counted {one.version} and {other.version} at the same time."
    if wide := [row for row in known if row.high is None or row.high > NEGLIGIBLE]:
        return Word.CONSIDER, f"{other.version} may still be worse at {_told(wide)}."
    if better := [row for row in known if (row.high or 0) < 0 and -(row.difference or 0) >= SMALLEST]:
        if other.proven is None:
            return Word.CONSIDER, f"{other.version} is better at {_told(better)}, and was not promoted yet."
        return Word.UPGRADE, f"{other.version} is better at {_told(better)}, and at no gate worse."
    if all(row.low is not None and row.low >= -NEGLIGIBLE for row in known):
        return Word.EQUIVALENT, f"The two differ by less than half a percentage point at {_told(known)}."
    return Word.CONSIDER, f"{other.version} is no worse, and may be better, at {_told(known)}."


def _told(rows: Iterable[GateRow]) -> str:
    return " and ".join(
        f"{row.gate} ({_percent(row.second)} of {row.second.total:,} requests bad, "
        f"{_percent(row.first)} of {row.first.total:,}; difference {_points(row.low)} to {_points(row.high)} points)"
        for row in rows
        if row.first is not None and row.second is not None
    )


def _percent(share: Share) -> str:
    return f"{share.share:.2%}"


def _points(difference: float | None) -> str:
    return f"{100 * (difference or 0):+.2f}"


def _gates(model: ModelAccount, one: Account, other: Account) -> Iterable[GateRow]:
    """The gates of both, those that counted both at the same time first."""
    rows = [_row(model, name, one, other) for name in dict.fromkeys((*_names(other), *_names(one)))]
    return sorted(rows, key=lambda row: (not row.together, -abs(row.difference or 0)))


def _names(account: Account) -> Iterable[str]:
    return account.last_judgements()


def _row(model: ModelAccount, gate: str, one: Account, other: Account) -> GateRow:
    if (met := _met(model, gate, other, beside=one.version)) is not None:
        return _built(gate, met.stable, met.own, odds=met.odds, together=True)
    if (met := _met(model, gate, one, beside=other.version)) is not None:
        return _built(gate, met.own, met.stable, odds=_turned(met.odds), together=True)
    return _built(gate, _alone(one, gate), _alone(other, gate), odds=None, together=False)


def _met(model: ModelAccount, gate: str, candidate: Account, *, beside: str) -> Judgement | None:
    """What a gate said last when one was the candidate and the other was stable."""
    since = max(candidate.since, model.versions[beside].since)
    of_gate = (one for one in reversed(candidate.judgements) if one.gate == gate and one.seq > since)
    said = (one for one in of_gate if one.own and one.stable)
    return next((one for one in said if model.beside(one) == beside), None)


def _alone(account: Account, gate: str) -> Counts | None:
    """What a gate counted of a version in its own rollout."""
    said = account.last_judgements().get(gate)
    if said is None or said.own is not None:
        return said.own if said is not None else None
    if said.value is None or not 0 <= said.value <= 1:
        return None
    return Counts(bad=round(said.value * said.requests), total=said.requests)


def _turned(odds: Odds | None) -> Odds | None:
    if odds is None:
        return None
    return Odds(
        ratio=1 / odds.ratio if odds.ratio else None,
        low=1 / odds.high if odds.high else 0.0,
        high=1 / odds.low if odds.low else None,
    )


def _built(gate: str, first: Counts | None, second: Counts | None, *, odds: Odds | None, together: bool) -> GateRow:
    one, other = share_of(first), share_of(second)
    apart: Interval | None = None
    if first is not None and second is not None:
        apart = newcombe(classics.Counts(second.bad, second.total), classics.Counts(first.bad, first.total))
    return GateRow(
        gate=gate,
        first=one,
        second=other,
        difference=other.share - one.share if one is not None and other is not None else None,
        low=apart.low if apart is not None else None,
        high=apart.high if apart is not None else None,
        together=together,
        odds=odds,
    )


def share_of(counts: Counts | None) -> Share | None:
    """A share with its interval."""
    if counts is None:
        return None
    interval = wilson(classics.Counts(counts.bad, counts.total))
    return Share(counts.bad, counts.total, counts.bad / counts.total, interval.low, interval.high)


def _metrics(one: Account, other: Account) -> tuple[MetricRow, ...]:
    mine, theirs = _given(one), _given(other)
    rows = [MetricRow(name, mine.get(name), theirs.get(name)) for name in dict.fromkeys((*theirs, *mine))]
    return tuple(sorted(rows, key=lambda row: row.first == row.second))


def _given(account: Account) -> Mapping[str, float]:
    return account.origin.metrics if account.origin is not None else {}


def _fields(one: Account, other: Account) -> tuple[FieldRow, ...]:
    mine, theirs = _served(one), _served(other)
    rows = [
        FieldRow(name, mine.get(name, ""), theirs.get(name, "")) for name in (*ORIGIN_FIELDS, "runtime", "settings")
    ]
    known = [row for row in rows if row.first or row.second]
    return tuple(sorted(known, key=lambda row: not row.differs))


def _served(account: Account) -> Mapping[str, str]:
    given = dict(account.origin.fields) if account.origin is not None else {}
    found = account.found_out
    if found is not None:
        given |= {"runtime": found.runtime, "settings": found.settings}
    return {**given, "digest": account.digest}
