"""What becomes of people's acts: each changes the status of the version it is about, or is refused with the reason.

The decision is then made on the changed status as if it had been read, and the status that is written holds the act's
effect and its uid together. What came of an act is said of it again for ever after, also where its own status cannot
be seen yet: one that is found there, or in the route's mark, had its effect, or was refused, and never has another.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from ..api.action import Action, Outcome, RolloutActionStatus
from ..api.outbox import OUTBOX
from ..api.settings import Approvals
from ..api.status import Approval, Decision, HandledAct, ModelVersionStatus, Paused, Phase
from .approvals import needed, outstanding
from .returning import anew
from .roles import Roles, assign
from .settings import settings_hash
from .snapshot import Act, Snapshot, Version

EXPIRES = timedelta(minutes=10)
"""An act that could not be looked at for so long was meant for a state that people can no longer remember."""

_LASTING = frozenset({Action.ABORT, Action.REJECT})
"""Acts that take traffic away: no clock that is wrong, and no operator that was away, keeps them from that."""

_REMEMBERED = 20

_ROOM_FOR_ACTS = OUTBOX - 4
"""Entries that may wait to be recorded before no more acts are taken: one that takes the traffic away always is."""


class RefusedError(Exception):
    """The act has no effect; the message says why."""


@dataclass(frozen=True, slots=True)
class Considered:
    """The snapshot as the acts have changed it, and what came of each."""

    snapshot: Snapshot
    outcomes: Mapping[str, RolloutActionStatus] = field(default_factory=dict)
    """By the name of the act."""


@dataclass(frozen=True, slots=True)
class _About:
    """An act and all that it is measured by."""

    act: Act
    version: Version
    roles: Roles
    now: datetime

    @property
    def status(self) -> ModelVersionStatus:
        return self.version.status


def consider(snapshot: Snapshot, now: datetime) -> Considered:
    """Let all acts have their effect, the oldest first."""
    outcomes = {
        act.name: RolloutActionStatus(outcome=Outcome.REFUSED, message=f"InvalidSpec: {act.problem}"[:512], at=now)
        for act in snapshot.invalid_acts
    }
    for act in snapshot.acts:
        snapshot, outcomes[act.name] = _consider(snapshot, act, now)
    return Considered(snapshot, outcomes)


def _consider(snapshot: Snapshot, act: Act, now: datetime) -> tuple[Snapshot, RolloutActionStatus]:
    def said(outcome: Outcome, message: str) -> RolloutActionStatus:
        return RolloutActionStatus(outcome=outcome, message=message[:512], at=now)

    version = next((v for v in snapshot.versions if v.name == act.spec.model_version), None)
    unreadable = next((v for v in snapshot.invalid if v.name == act.spec.model_version), None)
    if unreadable is not None:
        refused = said(Outcome.REFUSED, f"{unreadable.name} cannot be read: {unreadable.problem}")
        return snapshot, _said_before(unreadable.status, act) or refused
    if version is None or version.uid != act.spec.uid:
        missing = f"there is no ModelVersion {act.spec.model_version} with the uid {act.spec.uid}"
        return snapshot, said(Outcome.REFUSED, missing)
    before = _said_before(version.status, act)
    if before is not None:
        return snapshot, before
    decision = version.status.decision
    if decision is not None and decision.act == act.uid:
        return snapshot, said(Outcome.APPLIED, _DONE[act.spec.action])
    if any(mark.act == act.uid for mark in snapshot.route.marks):
        # The operator ended, or somebody else wrote, between the route and the status: that is to hold it as well.
        handled = HandledAct(uid=act.uid, outcome=Outcome.APPLIED, message=_DONE[act.spec.action], at=now)
        return _holding(snapshot, version, version.status, handled), said(Outcome.APPLIED, handled.message)
    if now > act.created_at + EXPIRES and act.spec.action not in _LASTING:
        minutes = EXPIRES.seconds // 60
        late = f"nothing came of it within {minutes} minutes, so it has no effect any more"
        return snapshot, said(Outcome.EXPIRED, late)
    recent = [handled for handled in version.status.acts if now <= handled.at + EXPIRES]
    if len(recent) >= _REMEMBERED:
        many = f"{_REMEMBERED} acts on this version within ten minutes: wait before the next"
        return snapshot, said(Outcome.REFUSED, many)
    waiting = len(version.unrecorded) + sum(handled.at == now for handled in version.status.acts)
    crowded = waiting >= _ROOM_FOR_ACTS
    is_over = decision is not None and decision.action in ("Abort", "Reject")
    if crowded and (is_over or act.spec.action not in _LASTING):
        full = "LedgerUnavailable: so much waits to be recorded that there is no room for an act"
        return snapshot, said(Outcome.REFUSED, full)
    status, outcome, message = _effect(snapshot, act, version, now)
    if crowded and outcome is Outcome.REFUSED:
        return snapshot, said(outcome, message)
    handled = HandledAct(uid=act.uid, outcome=outcome, message=message[:512], at=now)
    return _holding(snapshot, version, status, handled), said(outcome, message)


def _holding(snapshot: Snapshot, version: Version, status: ModelVersionStatus, handled: HandledAct) -> Snapshot:
    """The snapshot in which a version has a status that also holds what came of an act."""
    changed = replace(version, status=status.model_copy(update={"acts": [*status.acts, handled][-_REMEMBERED:]}))
    return replace(snapshot, versions=tuple(changed if v is version else v for v in snapshot.versions))


def _said_before(status: ModelVersionStatus, act: Act) -> RolloutActionStatus | None:
    """What the version's status says came of an act; None where it does not know it."""
    before = next((handled for handled in status.acts if handled.uid == act.uid), None)
    return RolloutActionStatus(outcome=before.outcome, message=before.message, at=before.at) if before else None


def _effect(snapshot: Snapshot, act: Act, version: Version, now: datetime) -> tuple[ModelVersionStatus, Outcome, str]:
    """The status of the version after an act, and what came of that."""
    about = _About(act=act, version=version, roles=assign(snapshot), now=now)
    try:
        if not snapshot.acts_admitted:
            raise RefusedError("this installation does not check who makes an act, so none has an effect")
        _check_current(act, version)
        return _EFFECTS[act.spec.action](about), Outcome.APPLIED, _DONE[act.spec.action]
    except RefusedError as refusal:
        return version.status, Outcome.REFUSED, str(refusal)


_DONE = {
    Action.APPROVE: "agreed",
    Action.REJECT: "rejected",
    Action.PAUSE: "paused",
    Action.RESUME: "resumed",
    Action.ADVANCE: "the step is ended",
    Action.PROMOTE: "promoted",
    Action.ABORT: "aborted",
    Action.RETRY: "a new attempt begins",
    Action.ROLLBACK: "the version returns",
}


def _check_current(act: Act, version: Version) -> None:
    """Refuse what was decided on another attempt, step or settings than the present ones."""
    status, spec = version.status, act.spec
    frozen = status.effective_rollout
    bound = spec.action in _BOUND
    seen = (
        ("attempt", spec.attempt, status.attempt or 1, bound or spec.attempt is not None),
        ("step", spec.step, status.step, bound),
        ("policyHash", spec.policy_hash, settings_hash(frozen) if frozen else None, bound or bool(spec.policy_hash)),
    )
    for name, then, is_now, counts in seen:
        if counts and then != is_now:
            raise RefusedError(f"Stale: it was decided on {name} {then}, which is {is_now} now")


_BOUND = frozenset({Action.APPROVE, Action.ADVANCE, Action.PROMOTE, Action.RETRY})
"""Acts that give a version more traffic: they hold for what the person saw, and for nothing else."""


def _candidate(about: _About) -> ModelVersionStatus:
    if about.roles.candidate is not about.version:
        phase = about.status.phase or "not deployed yet"
        raise RefusedError(f"{about.version.name} is not being rolled out: it is {phase}")
    return about.status


def _approve(about: _About) -> ModelVersionStatus:
    status, spec = _candidate(about), about.act.spec
    settings = status.effective_rollout
    wanted = needed(settings, status.step) if settings else ()
    if not wanted:
        raise RefusedError("nothing waits for approvals here")
    groups = _groups(wanted, about)
    before = [a.groups for a in status.approvals if a.by == spec.requested_by and a.step == status.step]
    if any(known is None or groups <= set(known) for known in before):
        raise RefusedError(f"{spec.requested_by} has agreed already")
    approval = Approval(by=spec.requested_by, step=status.step, groups=sorted(groups), at=about.now)
    return status.model_copy(update={"approvals": [*status.approvals, approval][-20:]})


def _groups(wanted: Sequence[Approvals], about: _About) -> set[str]:
    """The groups for which a person's approval counts. An author agrees nowhere if he may not somewhere."""
    spec, author = about.act.spec, about.version.author
    asked = {approvals.group for approvals in wanted if approvals.group is not None}
    found = asked.intersection(spec.groups)
    if not found and all(approvals.group is not None for approvals in wanted):
        who = " or ".join(sorted(asked))
        raise RefusedError(f"only members of {who} may approve, and the act does not say that one asks")
    not_by_author = any(approvals.not_by_author for approvals in wanted)
    if not_by_author and author is None:
        raise RefusedError("who made the version may not approve it, and the annotation sluice.dev/author does not say")
    if not_by_author and author == spec.requested_by:
        raise RefusedError(f"{author} made the version, and so may not approve it")
    return found


def _end(about: _About) -> ModelVersionStatus:
    spec = about.act.spec
    decision = Decision(
        action="Reject" if spec.action is Action.REJECT else "Abort",
        reason=f"{spec.requested_by}: {spec.reason}"[:512],
        by=spec.requested_by,
        act=about.act.uid,
        at=about.now,
    )
    return _candidate(about).model_copy(update={"decision": decision})


def _pause(about: _About) -> ModelVersionStatus:
    status, spec = _candidate(about), about.act.spec
    if status.paused is not None:
        raise RefusedError(f"{status.paused.by} has paused it already")
    return status.model_copy(update={"paused": Paused(by=spec.requested_by, reason=spec.reason, at=about.now)})


def _resume(about: _About) -> ModelVersionStatus:
    status = _candidate(about)
    if status.paused is None:
        where = "spec.paused of the version holds it: set that to false" if about.version.spec.paused else "not paused"
        raise RefusedError(where)
    return status.model_copy(update={"paused": None})


def _forward(about: _About) -> ModelVersionStatus:
    """Go on without waiting for holds and gates. People who must agree are not passed over by this."""
    status = _candidate(about)
    settings, step = status.effective_rollout, status.step
    if status.phase is Phase.PAUSED:
        raise RefusedError("it is paused: Resume it first")
    if settings is None or step is None or status.phase not in (Phase.CANARY, Phase.AWAITING_APPROVAL, Phase.PROBATION):
        raise RefusedError(f"it has no traffic that could grow: it is {status.phase or 'not deployed yet'}")
    last = len(settings.steps)
    target = step + 1
    if about.act.spec.action is Action.PROMOTE:
        target = last if step < last else last + 1
    elif step >= last:
        raise RefusedError("it is in probation: Promote ends that")
    for passed in range(step, min(target, last)):
        missing = outstanding(settings, passed, status.approvals)
        if missing:
            raise RefusedError(f"step {passed + 1} needs {missing} more approval(s)")
    return status.model_copy(update={"advance_to": target})


def _retry(about: _About) -> ModelVersionStatus:
    version, status, roles = about.version, about.status, about.roles
    if version.proven or not version.ended or version.name in roles.duplicates:
        raise RefusedError(f"only what ended without a promotion can be retried: it is {status.phase}")
    if version.deleting:
        raise RefusedError("it is being deleted")
    if roles.candidate is not None:
        raise RefusedError(f"{roles.candidate.name} is being rolled out")
    stable = roles.stable
    if stable is not None and version.created_at < stable.created_at:
        raise RefusedError(f"{stable.name} is newer and proven: make a new version instead")
    return anew(status, about.now)


def _rollback(about: _About) -> ModelVersionStatus:
    version, roles = about.version, about.roles
    if not version.proven:
        raise RefusedError("it was never proven: only a version that was stable before can be returned to")
    if roles.stable is version:
        raise RefusedError("it is stable already; to take a candidate back, Abort that one")
    if version.deleting:
        raise RefusedError("it is being deleted")
    if roles.candidate is not None:
        raise RefusedError(f"{roles.candidate.name} is being rolled out: Abort that first")
    return anew(about.status, about.now, restoring=True)


_EFFECTS: dict[Action, Callable[[_About], ModelVersionStatus]] = {
    Action.APPROVE: _approve,
    Action.REJECT: _end,
    Action.PAUSE: _pause,
    Action.RESUME: _resume,
    Action.ADVANCE: _forward,
    Action.PROMOTE: _forward,
    Action.ABORT: _end,
    Action.RETRY: _retry,
    Action.ROLLBACK: _rollback,
}
