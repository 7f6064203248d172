"""Why a version is where it is, and what would move it: one sentence from its status, and what a person can do.

The sentence is the operator's own. What would move it depends on the reason, where there is one, and on the phase
otherwise; commands are given whole, to be copied.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from ...api.labels import MODEL_LABEL, VERSION_LABEL
from ...api.status import GateStatus, Phase, Verdict
from ..output import length
from .figures import lasting
from .versions import Model, Version


@dataclass(frozen=True, slots=True)
class Why:
    """Why a version is where it is."""

    sentence: str
    moves: tuple[str, ...]
    """What would move it, each a sentence or a command; nothing where nothing is waited for."""


@dataclass(frozen=True, slots=True)
class _About:
    version: Version
    model: Model
    now: datetime

    @property
    def name(self) -> str:
        return self.version.name

    def command(self, action: str, *, reason: bool = False) -> str:
        why = " --reason …" if reason else ""
        return f"kubectl sluice {action} {self.name} -n {self.version.namespace}{why}"

    @property
    def pods(self) -> str:
        labels = f"{MODEL_LABEL}={self.version.model},{VERSION_LABEL}={self.version.version}"
        return f"kubectl describe pods -n {self.version.namespace} -l {labels}"

    def until(self, at: datetime | None) -> str:
        """When, and how long that is from now; empty where nobody knows, or it is over."""
        if at is None or at <= self.now:
            return ""
        return f"{at:%Y-%m-%d %H:%M:%S} UTC, in {length((at - self.now).total_seconds())}"


def why(version: Version, model: Model, *, now: datetime) -> Why:
    """Why a version of a model is where it is."""
    about = _About(version, model, now)
    status = version.status
    if version.problem:
        return Why(f"{version.name} cannot be read: {version.problem}", (f"apply it anew, or {_VERSION}",))
    if status.phase is None and version.stalled is None:
        return Why(f"the operator has not seen {version.name} yet", ("kubectl sluice check says whether it runs",))
    reason = version.stalled if version.stalled in _BY_REASON else None
    moves = _BY_REASON[reason](about) if reason else _BY_PHASE[status.phase](about)
    said = status.message or ""
    if status.phase in _OVER and status.decision is not None:
        said = status.decision.reason
    elif reason:
        said = said.removeprefix(f"{reason}: ")
    state = f"{version.name} is {status.phase or 'not begun'}"
    return Why(": ".join(part for part in (state, reason or "", said) if part), tuple(move for move in moves if move))


_VERSION = "install the kubectl-sluice of the operator's version (kubectl sluice version)"
_OVER = frozenset({Phase.ROLLED_BACK, Phase.FAILED, Phase.REJECTED, Phase.SKIPPED})
_Moves = tuple[str, ...]


def _holding(about: _About) -> _Moves:
    """On traffic: the hold, and then the gates that have not passed."""
    status = about.version.status
    hold = about.until(status.next_transition_at)
    waits = [_gate(gate, about) for gate in status.gates if gate.verdict is not Verdict.PASS]
    if status.weight_pending:
        waits.insert(0, "the Gateway must take the new weight: a matter of seconds")
    if hold:
        waits.append(f"the step can end at {hold}")
    probation = status.step is not None and status.step >= about.version.steps
    past = about.command("promote" if probation else "advance", reason=True)
    return (*waits, f"to go on without waiting for hold and gates: {past}", _back(about))


def _gate(gate: GateStatus, about: _About) -> str:
    settings = about.version.status.effective_rollout
    asked = next((one for one in settings.analysis.gates if one.name == gate.name), None) if settings else None
    found = gate.comparison
    if found is not None and found.answer == "Unknown" and found.requests_needed:
        more = f"about {found.requests_needed:,} more requests to the candidate let it tell{lasting(found)}"
        return f"gate {gate.name}: {more}"
    if gate.verdict is Verdict.NO_DATA and asked is not None and asked.limit is not None and asked.counts_requests:
        wanted = asked.limit.least_requests
        if gate.requests < wanted:
            few = f"{wanted:,} requests are needed within its window, and there were {gate.requests:,}"
            return f"gate {gate.name}: {few}"
    if gate.verdict is Verdict.UNAVAILABLE:
        return f"gate {gate.name}: Prometheus must answer: {gate.message}"
    return f"gate {gate.name}: {gate.message}"


def _back(about: _About) -> str:
    return f"to take it back: {about.command('abort')}"


def _paused(about: _About) -> _Moves:
    if about.version.status.paused is not None:
        return (about.command("resume"), _back(about))
    return (f"set spec.paused of {about.name} to false, where it is kept", _back(about))


def _approval(about: _About) -> _Moves:
    status = about.version.status
    given = [approval.by for approval in status.approvals if approval.step == status.step]
    agreed = f"so far {', '.join(given)} agreed" if given else ""
    return (about.command("approve", reason=True), agreed, f"to end it: {about.command('reject', reason=True)}")


def _queued(about: _About) -> _Moves:
    candidate = about.model.candidate
    if candidate is None:
        return ("it begins by itself, as soon as the one before it is gone",)
    abort = f"kubectl sluice abort {candidate.name} -n {candidate.namespace}"
    return (f"it begins by itself when the rollout of {candidate.name} ends", f"to end that now: {abort}")


def _deploying(about: _About) -> _Moves:
    given_up = about.until(about.version.status.ready_by)
    late = f"it is given up at {given_up}" if given_up else ""
    return (f"its pods must become ready: {about.pods}", late, _back(about))


def _over(about: _About) -> _Moves:
    return (
        "put right what the sentence says, and apply a new version",
        f"where the cause was not the version's: {about.command('retry')}",
    )


def _stable(about: _About) -> _Moves:
    ready = any(one.type == "Ready" and one.status == "True" for one in about.version.status.conditions)
    return () if ready else (f"its pods must be ready again: {about.pods}",)


def _superseded(about: _About) -> _Moves:
    back = f"kubectl sluice rollback {about.model.name} --to {about.name} -n {about.version.namespace}"
    return (f"to return to it: {back}",)


def _deletion(about: _About) -> _Moves:
    now = f"kubectl annotate modelversion {about.name} -n {about.version.namespace} sluice.dev/delete-now=true"
    ends = about.until(about.version.status.next_transition_at)
    if ends:
        return (f"apply a version before {ends}", f"to stop serving the model at once: {now}")
    return ("it goes when another version has taken its traffic: apply one", f"to stop serving the model: {now}")


_BY_PHASE: Mapping[Phase | None, Callable[[_About], _Moves]] = {
    None: lambda about: (f"apply {about.name} as the message says",),
    Phase.QUEUED: _queued,
    Phase.DEPLOYING: _deploying,
    Phase.PREFLIGHT: lambda about: ("its pods must answer as preflight asks, within its timeout", _back(about)),
    Phase.CANARY: _holding,
    Phase.PROBATION: _holding,
    Phase.PAUSED: _paused,
    Phase.AWAITING_APPROVAL: _approval,
    Phase.STABLE: _stable,
    Phase.SUPERSEDED: _superseded,
    Phase.SKIPPED: lambda _: ("nothing: a newer version took its place",),
    Phase.ROLLING_BACK: lambda _: ("the Gateway must take the route: a matter of seconds",),
    Phase.ROLLED_BACK: _over,
    Phase.FAILED: _over,
    Phase.REJECTED: _over,
    Phase.DELETION_WAITING: _deletion,
}

_BY_REASON: Mapping[str | None, Callable[[_About], _Moves]] = {
    "InvalidSpec": lambda about: (f"apply {about.name} with what its schema allows now",),
    "Duplicate": lambda _: ("give it a spec.version of its own: one object speaks for a version",),
    "NameTaken": lambda _: ("delete what has the name, or name the version otherwise: Sluice adopts nobody's objects",),
    "PolicyViolation": lambda about: (
        f"apply {about.name} with what the policy requires, and it begins",
        f"kubectl get rolloutpolicies -n {about.version.namespace} -o yaml says what that is",
    ),
    "RouteRefused": lambda _: ("allow it in the chart's route.allowed, or change the policy's route",),
    "HostnameTaken": lambda _: ("give the model another host name in its RolloutPolicy",),
    "GatewayRefused": lambda about: (
        f"the Gateway's words: kubectl get httproute {about.model.name} -n {about.version.namespace} -o yaml",
    ),
    "StableUnavailable": lambda about: (
        "bring the pods of stable back: the candidate goes when they answer",
        f"kubectl get pods -n {about.version.namespace} -l {MODEL_LABEL}={about.version.model}",
    ),
    "GateUnanswerable": lambda about: (
        "let the model count what the gate asks for, or make a version whose gates ask for what it counts",
        _back(about),
    ),
    "EnvironmentDegraded": lambda about: (
        "mend what makes stable fail as well: then it goes on by itself",
        _back(about),
    ),
    "SampleRatioMismatch": lambda about: (
        "look for what else than the route decides who is asked: sessions that stick, clients that go past the Gateway",
        f"to go on by its limits alone: {about.command('advance', reason=True)}",
        _back(about),
    ),
    "LimitCrossed": lambda about: ("it goes on by itself when the limit is no longer crossed", _back(about)),
    "NotEnoughPods": lambda about: (f"make room for its pods: {about.pods}", _back(about)),
    "Inconclusive": lambda about: (
        "more requests let its gates tell",
        f"to go on all the same: {about.command('advance', reason=True)}",
        _back(about),
    ),
    "LedgerUnavailable": lambda _: ("bring the record's database back: nothing gets more traffic unrecorded",),
}
