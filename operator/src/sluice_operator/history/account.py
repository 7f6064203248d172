"""What became of each version of a model, gathered from the record.

A version that was deleted may be made anew, and be another: what the record says of the one before is history, and no
evidence about the one that is there.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from ..ledger.record import Record
from .facts import GONE, Act, Change, Fact, Judgement, Model, Origin, Resolved
from .shares import Span, spans
from .told import facts, model_of

_ENDED = frozenset({"RollingBack", "RolledBack", "Failed", "Rejected"})


@dataclass(frozen=True, slots=True)
class Account:
    """All that the record says of a version, in its order."""

    version: str
    name: str
    """Of the last object that this was."""
    changes: tuple[Change, ...] = ()
    judgements: tuple[Judgement, ...] = ()
    acts: tuple[Act, ...] = ()
    resolved: tuple[Resolved, ...] = ()
    origin: Origin | None = None

    @property
    def since(self) -> int:
        """The record by which an object of the same version was deleted before this one was made; 0 where none was."""
        return max((one.seq for one in self.changes[:-1] if one.after == GONE), default=0)

    @property
    def phase(self) -> str:
        """The phase that it came to last; empty where that is not told."""
        return next((one.after for one in reversed(self.changes) if one.after), "")

    @property
    def attempt(self) -> int:
        """The last attempt."""
        since = self.since
        told: tuple[Change | Resolved, ...] = (*self.changes, *self.resolved)
        return max((1, *(one.attempt for one in told if one.seq > since)))

    @property
    def first(self) -> datetime | None:
        """When it was first spoken of."""
        told = (self.changes, self.judgements, self.acts, self.resolved, (self.origin,) if self.origin else ())
        return min((one.at for some in told for one in some), default=None)

    @property
    def proven(self) -> Change | None:
        """The transition by which it was last promoted."""
        since = self.since
        return next((one for one in reversed(self.changes) if one.promoted and one.seq > since), None)

    @property
    def taken_back(self) -> Change | None:
        """The transition by which its last attempt that failed began to end, where it was not promoted afterwards."""
        since = self.proven.seq if self.proven is not None else self.since
        ended = [one for one in self.changes if one.after in _ENDED and one.seq > since]
        return next((one for one in ended if one.attempt == ended[-1].attempt), None)

    @property
    def found_out(self) -> Resolved | None:
        """What was last found out about it."""
        last = self.resolved[-1] if self.resolved else None
        return last if last is not None and last.seq > self.since else None

    @property
    def digest(self) -> str:
        """The digest that it was last shown to have, or was to have; empty where nobody knows."""
        return self._digest(one for one in self.resolved if one.seq > self.since) or self._declared

    def digest_at(self, at: datetime) -> str:
        """The same as it was known at a moment, of the object that was there then."""
        since = max((one.seq for one in self.changes if one.after == GONE and one.at <= at), default=0)
        known = self._digest(one for one in self.resolved if one.seq > since and one.at <= at)
        return known or (self._declared if self.origin is not None and self.origin.at <= at else "")

    @property
    def _declared(self) -> str:
        return self.origin.fields.get("digest", "") if self.origin is not None else ""

    def _digest(self, resolved: Iterable[Resolved]) -> str:
        found = [one.digest for one in resolved if one.digest]
        return found[-1] if found else ""

    def last_judgements(self) -> Mapping[str, Judgement]:
        """What each gate said last in the last attempt, of those that had counted something."""
        since = self.since
        told = [one for one in self.judgements if one.seq > since]
        attempt = max((one.attempt for one in told), default=1)
        said = (one for one in told if one.attempt == attempt)
        return {one.gate: one for one in said if one.own is not None or one.requests}


@dataclass(frozen=True, slots=True)
class ModelAccount:
    """All that the record says of a model."""

    versions: Mapping[str, Account]
    """In the order in which they were first spoken of."""
    spans: tuple[Span, ...]

    @property
    def first(self) -> datetime | None:
        """When it was first spoken of: of what was before, nothing is known."""
        return min((first for one in self.versions.values() if (first := one.first) is not None), default=None)

    def beside(self, judgement: Judgement) -> str:
        """The version that was stable when a gate spoke: the one with most of the requests beside the judged one."""
        for span in reversed(self.spans):
            others = {version: weight for version, weight in span.weights.items() if version != judgement.version}
            if span.start < judgement.at and others:
                return max(others, key=lambda version: others[version])
        return ""


def accounts(records: Iterable[Record]) -> Mapping[Model, ModelAccount]:
    """What became of every model and version. `records` are in the order of the chain."""
    found: dict[Model, list[tuple[Fact, str]]] = {}
    for record in records:
        model = model_of(record)
        if model is not None:
            name = str(record.subject.get("name") or record.subject.get("version"))
            found.setdefault(model, []).extend((one, name) for one in facts(record))
    return {model: _model(some) for model, some in found.items() if some}


def _model(told: list[tuple[Fact, str]]) -> ModelAccount:
    versions: dict[str, list[tuple[Fact, str]]] = {}
    for one in told:
        versions.setdefault(one[0].version, []).append(one)
    return ModelAccount(
        versions={version: _version(version, some) for version, some in versions.items()},
        spans=spans(one for one, _ in told if isinstance(one, Change)),
    )


def _version(version: str, told: list[tuple[Fact, str]]) -> Account:
    said = [one for one, _ in told]
    return Account(
        version=version,
        name=told[-1][1],
        changes=tuple(one for one in said if isinstance(one, Change)),
        judgements=tuple(one for one in said if isinstance(one, Judgement)),
        acts=tuple(one for one in said if isinstance(one, Act)),
        resolved=tuple(one for one in said if isinstance(one, Resolved)),
        origin=next((one for one in reversed(said) if isinstance(one, Origin)), None),
    )
