"""One version's rollout as a whole: what a report shows of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from .account import Account, ModelAccount
from .comparison import Share, share_of
from .facts import Change, Counts, Judgement, Odds
from .shares import Span, within

_OVER = frozenset({"Stable", "RolledBack", "Failed", "Rejected", "Skipped"})
_AFTER, _LEAST_AFTER = 0.06, timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Point:
    """What a gate said at one moment."""

    at: datetime
    seq: int
    attempt: int
    step: int | None
    verdict: str
    message: str
    value: float | None
    """What its limit was held against."""
    own: Share | None
    """Share of bad requests of this version, with its interval for one look."""
    stable: Share | None
    odds: Odds | None
    """What decides: its bounds hold at all times at once."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that one gate said."""

    gate: str
    limit: float | None
    """Threshold of its limit."""
    asks: Mapping[str, Any]
    """The gate's settings: what was asked."""
    counted: bool
    """Whether its values are shares of bad requests; otherwise they are whatever its query gives."""
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Rollout:
    """A version on its way, in all its attempts."""

    account: Account
    began: datetime
    ended: datetime
    """Its end, or the last that is known of it."""
    over: bool
    outcome: str
    """The sentence of the decision that ended it, or of what was last told."""
    shown_until: datetime
    """A little after its end, so that what came of it is seen."""
    spans: tuple[Span, ...]
    """The weights of the model from its beginning until then."""
    stable: str
    """The version that served beside it; empty where none did."""
    evidence: tuple[Evidence, ...]


def rollout(model: ModelAccount, version: str) -> Rollout:
    """The rollout of a version.

    Raises:
        KeyError: The record does not have it, or tells of no transition of it.
    """
    account = model.versions[version]
    if not account.changes:
        raise KeyError(version)
    last = next(reversed(_ends(account)), account.changes[-1])
    began = account.changes[0].at
    said = next((one for one in reversed(account.changes) if one.action and one.seq <= last.seq), last)
    ended = max(last.at, began)
    until = ended + max(_LEAST_AFTER, (ended - began) * _AFTER)
    return Rollout(
        account=account,
        began=began,
        ended=ended,
        over=last.after in _OVER,
        outcome=said.reason or last.reason,
        shown_until=until,
        spans=within(model.spans, since=began, until=until),
        stable=_stable(model, account),
        evidence=tuple(_evidence(account.judgements)),
    )


def _ends(account: Account) -> list[Change]:
    """The transitions by which an attempt ended."""
    before = ("", *(one.after for one in account.changes))
    changes = zip(account.changes, before, strict=False)
    return [one for one, phase in changes if one.after in _OVER and one.after != phase]


def _stable(model: ModelAccount, account: Account) -> str:
    """The last one that it was compared with; that served when it began, where nothing was compared."""
    for judgement in reversed(account.judgements):
        if judgement.stable is not None and (beside := model.beside(judgement)):
            return beside
    began = account.changes[0].at
    before = next((span for span in reversed(model.spans) if span.start <= began), None)
    weights = {name: weight for name, weight in (before.weights if before else {}).items() if name != account.version}
    return max(weights, key=lambda name: weights[name], default="")


def _evidence(judgements: Sequence[Judgement]) -> Iterable[Evidence]:
    for gate in dict.fromkeys(one.gate for one in judgements if one.gate):
        said = [one for one in judgements if one.gate == gate]
        counted = all(one.value is None or 0 <= one.value <= 1 for one in said) and any(
            one.own is not None or one.requests for one in said
        )
        yield Evidence(
            gate=gate,
            limit=next((one.limit for one in reversed(said) if one.limit is not None), None),
            asks=next((one.asks for one in reversed(said) if one.asks), {}),
            counted=counted,
            points=tuple(_point(one, counted=counted) for one in said),
        )


def _point(said: Judgement, *, counted: bool) -> Point:
    own = said.own
    if own is None and counted and said.value is not None and said.requests:
        own = Counts(bad=round(said.value * said.requests), total=said.requests)
    return Point(
        at=said.at,
        seq=said.seq,
        attempt=said.attempt,
        step=said.step,
        verdict=said.verdict,
        message=said.message,
        value=said.value,
        own=share_of(own),
        stable=share_of(said.stable),
        odds=said.odds,
    )
