"""Records read: what each of them says.

A record that is about no version of a model, or whose type is not known here, says nothing to readers. Who verifies the
chain reads all of them (`sluice_operator.ledger.verify`).
"""

from collections.abc import Callable, Mapping
from typing import Any

from ..ledger.record import Record
from .facts import ERASED, GONE, ORIGIN_FIELDS, Act, Change, Counts, Fact, Judgement, Model, Odds, Origin, Resolved
from .fields import mapping, moment, number, numbers, several, text, whole


def model_of(record: Record) -> Model | None:
    """The model that a record is about."""
    namespace, model = text(record.subject, "namespace"), text(record.subject, "model")
    return (namespace, model) if namespace and model else None


def facts(record: Record) -> tuple[Fact, ...]:
    """What a record says; nothing where it is about no version, or of a type that is not known here."""
    version, reader = text(record.subject, "version"), _READERS.get(record.type)
    return reader(record, version) if reader is not None and version else ()


def _change(record: Record, version: str) -> tuple[Fact, ...]:
    body = record.body
    before, after, decision = mapping(body, "from"), mapping(body, "to"), mapping(body, "decision")
    return (
        Change(
            seq=record.seq,
            at=record.time,
            version=version,
            attempt=whole(after, "attempt") or _attempt(record),
            before=text(before, "phase"),
            after=text(after, "phase"),
            step=whole(after, "step"),
            weight=_percent(after, "weight"),
            wanted=_percent(after, "desiredWeight"),
            promoted=moment(body.get("promotedAt")) is not None,
            reason=(_sentence(record, "decisionReason") if decision else "") or _sentence(record, "reason"),
            action=text(decision, "action"),
            gate=text(decision, "gate"),
        ),
    )


def _gone(record: Record, version: str) -> tuple[Fact, ...]:
    """The object is no more, and nobody is sent to it."""
    before = text(mapping(record.body, "from"), "phase")
    return (
        Change(
            seq=record.seq,
            at=record.time,
            version=version,
            attempt=_attempt(record),
            before=before,
            after=GONE,
            step=None,
            weight=0,
            wanted=0,
            promoted=False,
            reason="the ModelVersion was deleted",
        ),
    )


def _judgements(record: Record, version: str) -> tuple[Fact, ...]:
    return tuple(_judgement(record, version, gate) for gate in several(record.body, "gates"))


def _judgement(record: Record, version: str, gate: Mapping[str, Any]) -> Judgement:
    comparison = mapping(gate, "comparison")
    low, high = number(comparison, "low") or 0.0, number(comparison, "high")
    return Judgement(
        seq=record.seq,
        at=record.time,
        version=version,
        attempt=_attempt(record),
        step=whole(record.body, "step"),
        gate=text(gate, "name"),
        verdict=text(gate, "verdict"),
        message=text(gate, "message"),
        value=number(gate, "value"),
        requests=whole(gate, "requests") or 0,
        limit=number(gate, "limit"),
        asks=mapping(gate, "asks"),
        answer=text(comparison, "answer"),
        own=_counts(comparison, bad="bad", total="requests"),
        stable=_counts(comparison, bad="stableBad", total="stableRequests"),
        odds=Odds(ratio=number(comparison, "ratio"), low=low, high=high) if comparison else None,
    )


def _act(record: Record, version: str) -> tuple[Fact, ...]:
    return (
        Act(
            seq=record.seq,
            at=record.time,
            version=version,
            attempt=_attempt(record),
            action=text(record.body, "action"),
            by=_sentence(record, "person") or ERASED,
            reason=_sentence(record, "reason"),
            outcome=text(record.body, "outcome"),
            message=_sentence(record, "message"),
        ),
    )


def _resolved(record: Record, version: str) -> tuple[Fact, ...]:
    body = record.body
    return (
        Resolved(
            seq=record.seq,
            at=record.time,
            version=version,
            attempt=_attempt(record),
            digest=text(body, "digest"),
            verification=text(body, "digestVerification"),
            runtime=text(body, "runtime"),
            settings=text(body, "effectiveRolloutHash"),
            policy=text(body, "policy"),
        ),
    )


def _origin(record: Record, version: str) -> tuple[Fact, ...]:
    lineage = mapping(record.body, "lineage")
    given = {**mapping(record.body, "source"), **lineage}
    fields = {name: value for name in ORIGIN_FIELDS if (value := text(given, name))}
    metrics = numbers(lineage, "metrics")
    return (Origin(seq=record.seq, at=record.time, version=version, fields=fields, metrics=metrics),)


def _attempt(record: Record) -> int:
    return whole(record.body, "attempt") or whole(record.subject, "attempt") or 1


def _percent(body: Mapping[str, Any], name: str) -> int | None:
    value = whole(body, name)
    return value if value is not None and value <= 100 else None


def _counts(comparison: Mapping[str, Any], *, bad: str, total: str) -> Counts | None:
    """None of no requests, and of what are no counts."""
    some, every = whole(comparison, bad) or 0, whole(comparison, total)
    return Counts(bad=some, total=every) if every and some <= every else None


def _sentence(record: Record, name: str) -> str:
    """What may name a person: in the body, or with the person who acted; empty where it was erased."""
    return text(record.body, name) or text(record.actor, name)


_READERS: Mapping[str, Callable[[Record, str], tuple[Fact, ...]]] = {
    "Transition": _change,
    "Deleted": _gone,
    "Verdict": _judgements,
    "Act": _act,
    "Resolved": _resolved,
    "Lineage": _origin,
}
