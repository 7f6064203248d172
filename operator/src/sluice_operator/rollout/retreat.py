"""What takes traffic away from the candidate, or ends its attempt: it stands before all else and waits for nothing."""

from ..api.base import format_duration
from ..api.status import Decision, Phase, Verdict
from .asking import takes_back
from .candidate import not_ready, roll_back, stay, taken_back
from .move import Move, Situation
from .preflight import GATE, known


def ordered_back(s: Situation) -> Move | None:
    """A person has aborted or rejected the rollout."""
    decision = s.candidate.status.decision
    if decision is None or decision.action not in ("Abort", "Reject"):
        return None
    if s.only_candidate_answers:
        return _held(s, f"{decision.reason};")
    return taken_back(s, decision)


def _held(s: Situation, why: str) -> Move:
    """What is to be taken back keeps what it has, while nobody else answers; it gets no more."""
    has = min(s.route.weight(s.candidate), s.weight_at(s.step or 0))
    return stay(s, f"StableUnavailable: {why} but stable has no ready pod to go back to").but(weight=has)


def gate_failed(s: Situation) -> Move | None:
    """A gate fails, and that takes the candidate back."""
    failed = next((gate for gate in s.candidate.gates if takes_back(gate)), None)
    if failed is None or not s.on_traffic:
        return None
    if s.only_candidate_answers:
        return _held(s, f"gate {failed.name} fails,")
    return roll_back(s, reason=f"{failed.name}: {failed.message}", gate=failed.name)


def preflight_failed(s: Situation) -> Move | None:
    """It stands before readiness: pods that answer wrongly may be crashing as well."""
    result = known(s.candidate)
    if s.has_had_traffic or result is None or result.verdict is not Verdict.FAIL:
        return None
    return roll_back(s, reason=f"{GATE}: {result.message}", gate=GATE)


def route_taken(s: Situation) -> Move | None:
    """Somebody else's route has the model's name."""
    if not s.route.foreign:
        return None
    return Move(
        phase=Phase.DEPLOYING,
        message=f"NameTaken: an HTTPRoute {s.candidate.spec.model} exists that is not ours",
        next_at=s.candidate.status.next_transition_at,
        ready_by=s.candidate.status.ready_by,
    )


def stable_gone(s: Situation) -> Move | None:
    """It gains nothing by a deletion: rolled out beside a stable that is gone, it does not get what that one got."""
    status = s.candidate.status
    begun_beside_stable = status.step is not None or status.capacity is not None
    if s.stable is not None or s.held or not begun_beside_stable:
        return None
    reason = "the version that served was taken away during this rollout: the model is served again by a Retry"
    return Move(
        phase=Phase.FAILED,
        message=f"Failed: {reason}",
        step=s.step,
        decision=Decision(action="Fail", reason=reason, at=s.now),
    )


def lost_its_pods(s: Situation) -> Move | None:
    """Nobody answers, or, before its first traffic, KServe does not call it ready."""
    if s.candidate.backend.ready or s.keeps_traffic:
        return None
    # It does not begin anew when the pods come and go: only being ready for as long as it lasts ends it.
    deadline = s.ready_by or s.now + s.settings.ready_timeout
    problem = s.candidate.backend.problem
    if s.now >= deadline:
        reason = f"not ready within {format_duration(s.settings.ready_timeout)}: {problem or 'no reason given'}"
        if s.step is not None:
            return roll_back(s, reason=reason, gate=None)
        decision = Decision(action="Fail", reason=reason[:512], at=s.now)
        return Move(phase=Phase.FAILED, message=f"Failed: {reason}"[:1024], decision=decision)
    return Move(
        phase=Phase.DEPLOYING,
        message=not_ready(s),
        step=s.step,
        next_at=deadline,
        ready_by=deadline,
        pods=s.pods_to_begin,
    )
