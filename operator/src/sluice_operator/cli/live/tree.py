"""What `get` shows, as rows: a model, its versions, and of those that matter their pods and gates.

Rows are made here, from what was read and the time; how they are drawn depends on the terminal.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ...api.gates import Gate
from ...api.labels import MODEL_LABEL, VERSION_LABEL
from ...api.status import UNDER_WAY, GateStatus, ModelVersionStatus, Phase, Verdict
from ...kube.resource import Object
from ..output import length
from .figures import comparison, reading
from .versions import Model, Version

_OLD = 2
"""How many versions that are over are shown beside those that matter, unless more is asked for."""

_GOOD, _BAD, _BUSY, _HELD, _QUIET = "green", "red", "cyan", "yellow", "dim"
_MARKS: dict[Phase | None, tuple[str, str]] = {
    None: ("○", _QUIET),
    Phase.QUEUED: ("○", _QUIET),
    Phase.DEPLOYING: ("◌", _BUSY),
    Phase.PREFLIGHT: ("◌", _BUSY),
    Phase.CANARY: ("◔", _BUSY),
    Phase.PROBATION: ("◕", _BUSY),
    Phase.PAUSED: ("‖", _HELD),
    Phase.AWAITING_APPROVAL: ("?", _HELD),
    Phase.STABLE: ("✔", _GOOD),
    Phase.SUPERSEDED: ("✔", _QUIET),
    Phase.SKIPPED: ("-", _QUIET),
    Phase.ROLLING_BACK: ("✖", _BAD),
    Phase.ROLLED_BACK: ("✖", _BAD),
    Phase.FAILED: ("✖", _BAD),
    Phase.REJECTED: ("✖", _BAD),
    Phase.DELETION_WAITING: ("!", _HELD),
}
_VERDICTS = {
    Verdict.PASS: ("✔", _GOOD),
    Verdict.FAIL: ("✖", _BAD),
    Verdict.NO_DATA: ("◌", _HELD),
    Verdict.UNAVAILABLE: ("!", _HELD),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the tree."""

    branch: str
    """What leads to it: lines and corners."""
    mark: str
    name: str
    state: str = ""
    weight: str = ""
    age: str = ""
    said: str = ""
    tone: str = ""


@dataclass(frozen=True, slots=True)
class _Leaf:
    """A row without its branch, and what hangs below it."""

    row: Row
    below: Sequence["_Leaf"] = ()


def rows(model: Model, pods: Sequence[Object], *, now: datetime, whole: bool) -> list[Row]:
    """The tree of a model.

    Args:
        model: The model.
        pods: All pods of the models that are shown.
        now: The time.
        whole: Whether versions that were over long ago are shown as well.
    """
    shown, left = _that_matter(model, whole=whole)
    leaves = [_version(version, model, _pods_of(version, pods), now=now) for version in shown]
    if left:
        older = f"{left} older version{'s' if left > 1 else ''}: kubectl sluice get {model.name}"
        leaves.append(_Leaf(Row("", "…", older, tone=_QUIET)))
    top = Row("", "●", model.name, said=model.url)
    return [top, *_hung(leaves, "")]


def shown_pods(version: Version, pods: Sequence[Object]) -> list[dict[str, object]]:
    """The pods of a version, for programs."""
    return [
        {"name": pod["metadata"]["name"], "ready": _is_ready(pod), "state": _pod_state(pod), "restarts": _restarts(pod)}
        for pod in _pods_of(version, pods)
    ]


def _that_matter(model: Model, *, whole: bool) -> tuple[Sequence[Version], int]:
    if whole:
        return model.versions, 0
    over = (Phase.SUPERSEDED, Phase.SKIPPED, Phase.ROLLED_BACK, Phase.FAILED, Phase.REJECTED)
    old = [version for version in model.versions if version.phase in over and not version.status.weight]
    left = {version.uid for version in old[_OLD:]}
    return [version for version in model.versions if version.uid not in left], len(left)


def _version(version: Version, model: Model, pods: Sequence[Object], *, now: datetime) -> _Leaf:
    mark, tone = _MARKS[version.phase]
    status = version.status
    if version.stalled is not None and version.phase in UNDER_WAY:
        mark, tone = "!", _HELD
    row = Row(
        "",
        mark,
        f"{version.name} ({version.version})",
        state=state(version),
        weight=weight(status),
        age=length((now - version.created_at).total_seconds()),
        said=version.problem or _said(version, now),
        tone=tone,
    )
    matters = version.phase in UNDER_WAY or version is model.stable or bool(status.weight)
    gates = list(_gates(status)) if version.phase in UNDER_WAY or version.phase is Phase.ROLLED_BACK else []
    return _Leaf(row, [*(_pod(pod, now=now) for pod in pods if matters), *gates])


def state(version: Version) -> str:
    """Phase and step in words."""
    status = version.status
    if status.phase is None:
        return "unreadable" if version.problem else "not seen yet"
    parts = [str(status.phase)]
    if status.phase in UNDER_WAY and status.step is not None and status.step < version.steps:
        parts.append(f"step {status.step + 1}/{version.steps}")
    if (status.attempt or 1) > 1:
        parts.append(f"attempt {status.attempt}")
    if version.deleting:
        parts.append("deleting")
    return ", ".join(parts)


def weight(status: ModelVersionStatus) -> str:
    """The share of the requests, read back; and the one that it is to have, where that is another."""
    if status.weight is None and not status.desired_weight:
        return ""
    has, wanted = status.weight or 0, status.desired_weight
    return f"{has} %" if wanted is None or wanted == has else f"{has} → {wanted} %"


def _said(version: Version, now: datetime) -> str:
    """The operator's sentence, where it says more than the phase; and when it can go on."""
    status = version.status
    if status.phase in (Phase.STABLE, Phase.SUPERSEDED):
        return ""
    said = status.message or ""
    if status.phase is Phase.ROLLED_BACK and status.decision is not None:
        said = status.decision.reason
    ends = status.next_transition_at
    if ends is not None and ends > now and status.phase in UNDER_WAY:
        said += f" (until {ends:%H:%M:%S} UTC, {length((ends - now).total_seconds())} more)"
    return said


def _pods_of(version: Version, pods: Sequence[Object]) -> list[Object]:
    found = []
    for pod in pods:
        labels = pod["metadata"].get("labels") or {}
        same = labels.get(MODEL_LABEL) == version.model and labels.get(VERSION_LABEL) == version.version
        if same and pod["metadata"].get("namespace") == version.namespace:
            found.append(pod)
    return sorted(found, key=lambda pod: str(pod["metadata"]["name"]))


def _pod(pod: Object, *, now: datetime) -> _Leaf:
    meta = pod["metadata"]
    ready, restarts = _is_ready(pod), _restarts(pod)
    age = length((now - datetime.fromisoformat(meta["creationTimestamp"])).total_seconds())
    said = f"{restarts} restart{'s' if restarts > 1 else ''}" if restarts else ""
    tone = "" if ready else _HELD
    return _Leaf(Row("", "□", str(meta["name"]), state=_pod_state(pod), age=age, said=said, tone=tone))


def _pod_state(pod: Object) -> str:
    status = pod.get("status") or {}
    if "deletionTimestamp" in pod["metadata"]:
        return "terminating"
    if _is_ready(pod):
        return "ready"
    waits = [(one.get("state") or {}).get("waiting") for one in status.get("containerStatuses") or ()]
    reason = next((one.get("reason") for one in waits if one), None)
    return str(reason or status.get("phase") or "not ready")


def _is_ready(pod: Object) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(one.get("type") == "Ready" and one.get("status") == "True" for one in conditions)


def _restarts(pod: Object) -> int:
    return sum(int(one.get("restartCount", 0)) for one in (pod.get("status") or {}).get("containerStatuses") or ())


def _gates(status: ModelVersionStatus) -> Iterator[_Leaf]:
    asked: Mapping[str, Gate] = (
        {gate.name: gate for gate in status.effective_rollout.analysis.gates} if status.effective_rollout else {}
    )
    for gate in status.gates:
        yield _Leaf(_gate(gate, asked.get(gate.name)))


def _gate(said: GateStatus, asked: Gate | None) -> Row:
    mark, tone = _VERDICTS[said.verdict]
    told = "; ".join(part for part in (reading(said, asked), comparison(said.comparison)) if part)
    return Row("", mark, f"gate {said.name}", state=str(said.verdict), said=told or said.message, tone=tone)


def _hung(leaves: Sequence[_Leaf], before: str) -> Iterator[Row]:
    for number, leaf in enumerate(leaves, start=1):
        last = number == len(leaves)
        yield replace(leaf.row, branch=before + ("└─ " if last else "├─ "))
        yield from _hung(leaf.below, before + ("   " if last else "│  "))
