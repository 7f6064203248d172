"""What the record is to say of a change of status: the entries that go into its outbox in the same write.

An entry's id is made of the state that was left and of what is said, so that no two changes share one. What names a
person stands apart from the rest, so that the record can keep it erasable.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from ..api.outbox import OUTBOX, PERSONAL_CHARACTERS, OutboxEntry
from ..api.status import HandledAct, ModelVersionStatus
from .recorded import gate_status
from .snapshot import Act, Snapshot, Version

_BODY_BYTES = 8 << 10
"""From this size on a verdict says what was answered, and not what was asked: the hash of settings fixes that."""


@dataclass(frozen=True, slots=True)
class _Told:
    """One thing that is worth recording."""

    type: str
    body: Mapping[str, Any]
    personal: Mapping[str, str] = field(default_factory=dict)
    id: str | None = None
    """The same whoever tells it; None: made of the state that was left."""


def with_outboxes(
    snapshot: Snapshot, statuses: Mapping[str, ModelVersionStatus], now: datetime
) -> dict[str, ModelVersionStatus]:
    """Statuses that hold what is to be recorded of them, beside what still waits to be.

    Args:
        snapshot: What was observed, before anything was decided.
        statuses: What was decided, by the name of the version.
        now: The time.
    """
    versions = {version.name: version for version in snapshot.versions}
    return {
        name: _with_outbox(versions[name], status, acts=snapshot.acts, now=now) if name in versions else status
        for name, status in statuses.items()
    }


def _with_outbox(
    version: Version, status: ModelVersionStatus, *, acts: Sequence[Act], now: datetime
) -> ModelVersionStatus:
    """Where nothing else changes the outbox stays as well: what is recorded is no reason for a write."""
    before = version.status
    same = status.model_copy(update={"outbox": before.outbox})
    if same == before or _plain(same) == _plain(before):
        return same
    told = [_entry(version, what, attempt=status.attempt or 1, now=now) for what in _told(version, status, acts=acts)]
    return status.model_copy(update={"outbox": fitted([*version.unrecorded, *told])})


def _told(version: Version, status: ModelVersionStatus, *, acts: Sequence[Act]) -> list[_Told]:
    """Causes before effects."""
    before = version.status
    names = _names(before, status, acts)
    told = [_lineage(version)] if before.phase is None else []
    if _resolved(status) != _resolved(before):
        told.append(_Told("Resolved", _resolved(status)))
    known = {handled.uid for handled in before.acts}
    made = {act.uid: act for act in acts}
    told += [
        _act(made[handled.uid], handled, names)
        for handled in status.acts
        if handled.uid not in known and handled.uid in made
    ]
    told += _verdicts(version, status)
    if _where(status) != _where(before) or status.promoted_at != before.promoted_at:
        told.append(_transition(before, status, names))
    return told


def _lineage(version: Version) -> _Told:
    spec = version.spec
    body = {"source": _plain(spec.source), "lineage": _plain(spec.lineage) if spec.lineage else {}}
    return _Told("Lineage", body, {"author": version.author} if version.author else {})


def _resolved(status: ModelVersionStatus) -> dict[str, str]:
    """What serves, and by which settings."""
    found = {
        "digest": status.digest,
        "digestVerification": status.digest_verification,
        "runtime": status.runtime,
        "inferenceService": status.inference_service,
        "effectiveRolloutHash": status.effective_rollout_hash,
        "policy": status.policy,
    }
    return {name: value for name, value in found.items() if value is not None}


def _act(act: Act, handled: HandledAct, names: set[str]) -> _Told:
    spec = act.spec
    seen = {"attempt": spec.attempt, "step": spec.step, "policyHash": spec.policy_hash}
    body = {
        "act": act.uid,
        "action": str(spec.action),
        "groups": list(spec.groups),
        "seen": {name: value for name, value in seen.items() if value is not None},
        "outcome": str(handled.outcome),
    }
    told = _Told("Act", body, {"person": spec.requested_by}, id=act_id(act.uid))
    return _saying(told, names, reason=spec.reason, message=handled.message)


def act_id(uid: str) -> str:
    """The id of the entry of an act with that uid: one for each act, however often and from where it is told."""
    return _digest("act", uid)


def _verdicts(version: Version, status: ModelVersionStatus) -> list[_Told]:
    """What the gates said when something was decided, and what preflight did when it ended."""
    before = version.status
    told: list[_Told] = []
    if status.preflight is not None and status.preflight != before.preflight:
        asked = {"name": "preflight", "verdict": str(status.preflight.verdict), "message": status.preflight.message}
        told.append(_Told("Verdict", {"gates": [asked]}))
    if version.gates and (status.phase, status.step, status.attempt) != (before.phase, before.step, before.attempt):
        settings = before.effective_rollout or status.effective_rollout
        asks = {gate.name: _plain(gate) for gate in settings.analysis.gates} if settings else {}
        gates = [_plain(gate_status(result)) for result in version.gates]
        body = {"gates": [{**gate, "asks": asks.get(gate["name"])} for gate in gates]}
        if len(json.dumps(body)) > _BODY_BYTES:
            body = {"gates": gates}
        told.append(_Told("Verdict", {**body, "step": before.step} if before.step is not None else body))
    return told


def _transition(before: ModelVersionStatus, status: ModelVersionStatus, names: set[str]) -> _Told:
    body: dict[str, Any] = {"from": _where(before), "to": _where(status)}
    personal: dict[str, str] = {}
    said = {"reason": status.message or ""}
    if status.promoted_at is not None and status.promoted_at != before.promoted_at:
        body["promotedAt"] = status.promoted_at.isoformat()
    decision = status.decision
    if decision is not None and decision != before.decision:
        body["decision"] = {
            name: value for name, value in _plain(decision).items() if name in ("action", "gate", "act", "at")
        }
        said["decisionReason"] = decision.reason
        personal = {"person": decision.by} if decision.by is not None else {}
    return _saying(_Told("Transition", body, personal), names, **said)


def _where(status: ModelVersionStatus) -> dict[str, Any]:
    """Where a version is: how far, and with which share of the requests, as is wanted and as was read back."""
    found = {
        "attempt": status.attempt,
        "phase": str(status.phase) if status.phase is not None else None,
        "step": status.step,
        "weight": status.weight,
        "desiredWeight": status.desired_weight,
    }
    return {name: value for name, value in found.items() if value is not None}


def _names(before: ModelVersionStatus, status: ModelVersionStatus, acts: Sequence[Act]) -> set[str]:
    """Everybody whom a sentence about the change may name."""
    people = {act.spec.requested_by for act in acts}
    for said in (before, status):
        people |= {approval.by for approval in said.approvals}
        people |= {said.paused.by} if said.paused is not None else set()
        people |= {said.decision.by} if said.decision is not None and said.decision.by is not None else set()
    return people


def _saying(told: _Told, names: set[str], **sentences: str) -> _Told:
    """The same with sentences, each of them personal where it names a person."""
    personal = {where: text for where, text in sentences.items() if any(name in text for name in names)}
    clear = {where: text for where, text in sentences.items() if where not in personal}
    return replace(told, body={**told.body, **clear}, personal={**told.personal, **personal})


def _entry(version: Version, told: _Told, *, attempt: int, now: datetime) -> OutboxEntry:
    left = (version.uid, version.resource_version, attempt, now.isoformat())
    return OutboxEntry(
        id=told.id or _digest(*left, told.type, told.body, told.personal),
        at=now,
        type=told.type,
        attempt=attempt,
        body=dict(told.body),
        personal={name: said[:PERSONAL_CHARACTERS] for name, said in told.personal.items()},
    )


def fitted(entries: Sequence[OutboxEntry]) -> list[OutboxEntry]:
    """As many entries as an outbox has room for.

    There are more only where nothing could be recorded for long. Then the last transitions become one that says from
    where to where they led and how many they were; earlier ones stay as they are, for nobody knows whether they were
    recorded. Where there are none to join, what gates said goes.
    """
    kept = list(entries)
    while len(kept) > OUTBOX:
        moves = [index for index, entry in enumerate(kept) if entry.type == "Transition"]
        if len(moves) > 1:
            last = kept.pop(moves[-1])
            kept[moves[-2]] = _joined(kept[moves[-2]], last)
        else:
            del kept[next((index for index, entry in enumerate(kept) if entry.type == "Verdict"), 0)]
    return kept


def _joined(first: OutboxEntry, second: OutboxEntry) -> OutboxEntry:
    count = _count(first) + _count(second)
    lasting: dict[str, Any] = {name: said for name, said in first.body.items() if name in ("promotedAt", "decision")}
    body = {**lasting, **second.body, "from": first.body.get("from"), "joined": count}
    return second.model_copy(update={"id": _digest(first.id, second.id), "body": body})


def _count(entry: OutboxEntry) -> int:
    """How many transitions an entry stands for; somebody else may have written it."""
    joined = entry.body.get("joined")
    return joined if isinstance(joined, int) else 1


def _digest(*parts: Any) -> str:
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(model: Any) -> dict[str, Any]:
    plain: dict[str, Any] = model.model_dump(mode="json", by_alias=True, exclude_none=True)
    return plain
