"""What `describe` tells of a version, section by section, as lines."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from ...api.base import format_duration
from ...api.gates import Gate
from ...api.settings import Approvals, EffectiveRollout
from ...api.status import GateStatus
from ...kube.resource import Object
from ..output import length
from .figures import comparison, line, reading
from .tree import shown_pods, state, weight
from .versions import Version

Section = tuple[str, Sequence[str]]


def sections(
    version: Version, *, acts: Sequence[Object], pods: Sequence[Object], events: Sequence[Object], now: datetime
) -> list[Section]:
    """All that is known of a version; what there is nothing of is left out."""
    status = version.status
    made = (
        ("Version", _pairs(_identity(version, now))),
        ("Rollout", _pairs(_progress(version, now))),
        ("Settings", list(_settings(status.effective_rollout, status.step))),
        ("Gates", [text for gate in status.gates for text in _gate(gate, status.effective_rollout)]),
        ("Pods", [f"  {pod['name']}: {pod['state']}, {pod['restarts']} restarts" for pod in shown_pods(version, pods)]),
        ("Approvals", [f"  {given.at:%F %T} {given.by}{_at_step(given.step)}" for given in status.approvals]),
        ("Acts", [_act(act) for act in sorted(acts, key=_created)]),
        ("Earlier attempts", [f"  {one.attempt}: {one.phase}: {one.reason or ''}" for one in status.history]),
        ("Conditions", [f"  {one.type}={one.status} {one.reason}: {one.message}" for one in status.conditions]),
        ("Lineage", _pairs(_lineage(version))),
        ("Events", [_event(event) for event in events]),
    )
    return [(title, lines) for title, lines in made if lines]


def _pairs(pairs: Iterable[tuple[str, object]]) -> list[str]:
    known = [(name, value) for name, value in pairs if value not in (None, "")]
    wide = max((len(name) for name, _ in known), default=0)
    return [f"  {name + ':':<{wide + 1}} {value}" for name, value in known]


def _identity(version: Version, now: datetime) -> Iterator[tuple[str, object]]:
    annotations = version.raw["metadata"].get("annotations") or {}
    status, spec = version.status, version.spec
    yield "name", f"{version.namespace}/{version.name}"
    yield "model", version.model
    yield "version", version.version
    yield "uid", version.uid
    yield "made", f"{version.created_at:%F %T} UTC, {length((now - version.created_at).total_seconds())} ago"
    yield "author", annotations.get("sluice.dev/author")
    yield "problem", version.problem
    if spec is not None:
        yield "source", spec.source.storage_uri
        yield "replicas", f"{spec.predictor.min_replicas} to {spec.predictor.max_replicas}"
    verified = f" (shown by its {status.digest_verification.lower()})" if status.digest_verification else ""
    yield "digest", f"{status.digest}{verified}" if status.digest else None
    yield "runtime", status.runtime
    yield "served by", f"InferenceService {status.inference_service}" if status.inference_service else None
    yield "url", status.url


def _progress(version: Version, now: datetime) -> Iterator[tuple[str, object]]:
    status = version.status
    yield "state", state(version)
    yield "message", status.message
    yield "weight", weight(status)
    if status.next_transition_at is not None and status.next_transition_at > now:
        left = length((status.next_transition_at - now).total_seconds())
        yield "at the earliest", f"{status.next_transition_at:%F %T} UTC, in {left}"
    yield "promoted", f"{status.promoted_at:%F %T} UTC" if status.promoted_at else None
    if status.preflight is not None:
        yield "preflight", f"{status.preflight.verdict}: {status.preflight.message}"
    if status.paused is not None:
        yield "paused", f"by {status.paused.by}: {status.paused.reason}"
    if status.decision is not None:
        by = f" by {status.decision.by}" if status.decision.by else ""
        yield "decided", f"{status.decision.action}{by} at {status.decision.at:%F %T} UTC: {status.decision.reason}"


def _settings(settings: EffectiveRollout | None, step: int | None) -> Iterator[str]:
    if settings is None:
        return
    yield f"  strategy {settings.strategy}, ready within {format_duration(settings.ready_timeout)}"
    for number, one in enumerate(settings.steps):
        here = "→" if number == step else " "
        held = f"{one.weight} % for {format_duration(one.hold)}"
        yield f"  {here} step {number + 1}: {held}{_people(one.approvals)}"
    last = "→" if step is not None and step >= len(settings.steps) else " "
    probation = settings.probation
    kept = f", {probation.holdback} % stay on stable" if probation.holdback else ""
    yield f"  {last} probation: {format_duration(probation.duration)}{kept}{_people(settings.approvals)}"


def _people(approvals: Approvals | None) -> str:
    if approvals is None:
        return ""
    group = f" of {approvals.group}" if approvals.group else ""
    return f", {approvals.count} approval{'s' if approvals.count > 1 else ''}{group}"


def _gate(said: GateStatus, settings: EffectiveRollout | None) -> Iterator[str]:
    gates = settings.analysis.gates if settings else ()
    asked = next((gate for gate in gates if gate.name == said.name), None)
    yield f"  {said.name}: {said.verdict}{_question(asked)}"
    for text in (reading(said, asked), comparison(said.comparison), said.message):
        if text:
            yield f"    {text}"


def _question(gate: Gate | None) -> str:
    if gate is None:
        return ""
    counted = str(gate.metric) if gate.metric is not None else "a query of its own"
    slower = f" over {format_duration(gate.slower_than)}" if gate.slower_than is not None else ""
    limit = f", {line(gate.limit, of_value=not gate.counts_requests)}" if gate.limit is not None else ""
    compared = f", compared: {gate.compare.worse_by:g} times the odds must be ruled out" if gate.compare else ""
    return f" ({counted}{slower}{limit}{compared})"


def _at_step(step: int | None) -> str:
    return "" if step is None else f" to leave step {step + 1}"


def _act(act: Object) -> str:
    spec, said = act.get("spec") or {}, act.get("status") or {}
    came = f"{said['outcome']}: {said.get('message', '')}" if said.get("outcome") else "nothing came of it yet"
    return f"  {_created(act)} {spec.get('action')} by {spec.get('requestedBy')}: {spec.get('reason')} ({came})"


def _created(obj: Object) -> str:
    return str(obj["metadata"].get("creationTimestamp", ""))


def _lineage(version: Version) -> Iterator[tuple[str, object]]:
    found = version.spec.lineage if version.spec is not None else None
    if found is None:
        return
    for field in ("parent", "dataset", "features", "parameters", "code", "run"):
        yield field, getattr(found, field)
    for name, value in found.metrics.items():
        yield name, f"{value:g}"


def _event(event: Object) -> str:
    count = (event.get("series") or {}).get("count")
    times = f" x{count}" if count else ""
    at = event.get("eventTime") or event.get("deprecatedLastTimestamp") or ""
    return f"  {str(at)[:19]} {event.get('type')} {event.get('reason')}{times}: {event.get('note') or ''}"
