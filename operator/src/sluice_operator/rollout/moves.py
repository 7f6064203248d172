"""Where each version of a model goes now: the candidate by its progress, every other by the part it plays."""

from datetime import datetime

from ..api.status import Decision, Phase
from .candidate import TAKEN_BACK
from .leaving import leaves_at
from .move import Move, Situation
from .progress import progress
from .roles import Roles, settled
from .snapshot import Route, Snapshot, Version


def all_moves(snapshot: Snapshot, roles: Roles, now: datetime) -> dict[str, Move]:
    """The move of each version, by name."""
    moves: dict[str, Move] = {}
    for version in snapshot.versions:
        if version.name in roles.duplicates:
            moves[version.name] = _duplicate(version, roles.duplicates[version.name], now)
    for version in roles.foreign:
        moves[version.name] = Move(phase=Phase.DEPLOYING, message=_name_taken(version))
    for version in roles.skipped:
        moves[version.name] = _skip(version, roles, now)
    for version in roles.queued:
        before = f"for the end of the rollout of {roles.candidate.name}" if roles.candidate else "until another is gone"
        message = f"waits {before}"
        moves[version.name] = Move(phase=Phase.QUEUED, message=message)
    for version in roles.barred:
        moves[version.name] = _bar(roles, now)
    for name, problem in roles.refused.items():
        moves[name] = Move(phase=Phase.QUEUED, message=f"PolicyViolation: {problem}"[:1024])
    for version in roles.ended:
        moves[version.name] = _ended(version, snapshot)
    for version in roles.superseded:
        moves[version.name] = Move(
            phase=Phase.SUPERSEDED,
            message="proven, and superseded by a newer version",
            promoted_at=version.status.promoted_at,
            decision=version.status.decision,
            mark=snapshot.route.mark(version),
        )
    if roles.stable is not None:
        moves[roles.stable.name] = _stable_move(roles.stable, snapshot, now)
    if roles.candidate is not None:
        settings = settled(roles.candidate, snapshot).settings
        moves[roles.candidate.name] = progress(
            Situation(
                candidate=roles.candidate,
                stable=roles.stable,
                held=roles.holder is not None,
                route=snapshot.route,
                settings=settings,
                now=now,
                recordable=snapshot.recordable,
            )
        )
    _tell_of_address(moves, snapshot, roles)
    return moves


_TELLS_OF_ADDRESS = frozenset({Phase.DEPLOYING, Phase.PREFLIGHT, Phase.STABLE, Phase.DELETION_WAITING})


def _tell_of_address(moves: dict[str, Move], snapshot: Snapshot, roles: Roles) -> None:
    """Say on the version that serves, or is to, that the model is not reached where its policy wants it, or at all."""
    told = roles.stable or roles.candidate
    if told is None or moves[told.name].phase not in _TELLS_OF_ADDRESS:
        return
    message = snapshot.address_problem
    if snapshot.route.refused is not None:
        message = f"GatewayRefused: {snapshot.route.refused}"
    elif message is not None and snapshot.route.addresses:
        message += f"; it is reached at {snapshot.url} as before"
    if message is not None:
        moves[told.name] = moves[told.name].but(message=message[:1024])


def _name_taken(version: Version) -> str:
    return f"NameTaken: an InferenceService {version.backend.name} exists that is not ours"


def _duplicate(version: Version, of: str, now: datetime) -> Move:
    decision = version.status.decision or Decision(
        action="Reject",
        reason=f"{of} is version {version.spec.version} of {version.spec.model} already",
        at=now,
    )
    return Move(phase=Phase.REJECTED, message=f"Duplicate: {decision.reason}", decision=decision)


def _bar(roles: Roles, now: datetime) -> Move:
    by = roles.candidate.name if roles.candidate else "another version"
    reason = f"{by} was being rolled out, and onNewVersion of this version is Reject"
    return Move(
        phase=Phase.REJECTED,
        message=f"Rejected: {reason}",
        decision=Decision(action="Reject", reason=reason, at=now),
    )


def _skip(version: Version, roles: Roles, now: datetime) -> Move:
    by = roles.candidate or roles.stable
    reason = f"superseded by {by.name if by else 'a newer version'} before it was proven"
    decision = version.status.decision or Decision(action="Skip", reason=reason, at=now)
    return Move(phase=Phase.SKIPPED, message=f"Skipped: {decision.reason}", decision=decision)


def _ended(version: Version, snapshot: Snapshot) -> Move:
    status = version.status
    taken = status.phase in (Phase.ROLLED_BACK, Phase.ROLLING_BACK) or snapshot.route.mark(version) is not None
    if taken:
        return _taken_back(version, snapshot.route)
    return Move(
        phase=status.phase or Phase.FAILED,
        message=status.message or "",
        step=status.step,
        step_started_at=status.step_started_at,
        decision=status.decision,
    )


def _taken_back(version: Version, route: Route) -> Move:
    """A version that a mark in the route, or its own status, says was taken back."""
    mark = route.mark(version)
    decision = version.status.decision
    if mark is not None:
        decision = Decision(
            action=mark.action, reason=mark.reason, gate=mark.gate, by=mark.by, act=mark.act, at=mark.at
        )
    reason = decision.reason if decision else "it was taken back"
    action = decision.action if decision else "Rollback"
    end = Phase.REJECTED if action == "Reject" else Phase.ROLLED_BACK
    told = version.status.phase is end
    # Who waits for word that it began gets it, however fast the Gateway was; what came back without status is no news.
    begun = version.status.phase in (Phase.ROLLING_BACK, end, None)
    gone = begun and route.weight(version) == 0 and (route.in_force or not route.exists or told)
    return Move(
        phase=end if gone else Phase.ROLLING_BACK,
        message=f"{TAKEN_BACK.get(action, 'Rolled back')}: {reason}"[:1024],
        step=version.status.step,
        step_started_at=version.status.step_started_at,
        decision=decision,
        # Where the status says it as well, nothing else needs to.
        mark=None if gone and told else mark,
    )


def _stable_move(stable: Version, snapshot: Snapshot, now: datetime) -> Move:
    status = stable.status
    if status.promoted_at is None and not snapshot.route.in_force:
        phase = status.phase if status.phase is Phase.PREFLIGHT else Phase.DEPLOYING
        message = "first version: waits for the Gateway to take the route"
        if not snapshot.recordable and not snapshot.route.exists:
            message = "LedgerUnavailable: first version: gets no traffic while that cannot be recorded"
        return Move(phase=phase, message=message)
    promoted = status.promoted_at
    decision = status.decision
    if promoted is None:
        promoted = now
        decision = Decision(action="Promote", reason="first version: ready, and the route serves it", at=now)
    leaves = leaves_at(stable, snapshot, now)
    message = "serves until another version has taken its traffic" if stable.deleting else "serves"
    if leaves is not None:
        message = f"deleted, and no other stays: serves until {leaves:%T} UTC unless another version is applied before"
    return Move(
        phase=Phase.DELETION_WAITING if stable.deleting else Phase.STABLE,
        message=_name_taken(stable) if stable.backend.foreign else message,
        promoted_at=promoted,
        decision=decision,
        next_at=leaves,
        step=status.step,
        step_started_at=status.step_started_at,
    )
