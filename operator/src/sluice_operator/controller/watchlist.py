"""Which versions Prometheus is asked about, and which models its answer is news for.

Most answers change nothing: a thousand rollouts that wait for their holds to end need not be looked at every few
seconds. A model is looked at when a gate fails, before all others and after every answer until that has had its effect;
when a gate answers other than before; and now and then all the same. What time alone brings about, the queue knows.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from ..analysis.gates import judge
from ..api.gates import Gate
from ..api.modelversion import Verdict
from ..kube.gateway import Object
from ..kube.reflector import Key, key_of
from ..prometheus.predictor import Question, Target
from ..prometheus.sampler import Sample
from ..rollout.settings import merge
from ..rollout.snapshot import ON_TRAFFIC
from .observe import read_status

_ANYWAY_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class News:
    """The models that an answer of Prometheus is news for."""

    failing: tuple[Key, ...]
    """Those with a gate that fails: they come first."""
    others: tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class _Watched:
    """A version whose gates are asked, read once for as long as its object stays the same."""

    obj: Object
    target: Target
    gates: tuple[Gate, ...]
    question: Question
    attempt_began: float | None
    step_began: float | None


@dataclass(frozen=True, slots=True)
class _Told:
    """What the gates answered when the model was last looked at because of them."""

    verdicts: tuple[Verdict, ...]
    at: float


class Watchlist:
    """The versions that have traffic and gates."""

    def __init__(self, versions: Callable[[], Iterable[Object]]) -> None:
        """Watch among the ModelVersions of a local copy."""
        self._versions = versions
        self._read: dict[Key, _Watched] = {}
        self._told: dict[Target, _Told] = {}

    def watched(self) -> Mapping[Target, Question]:
        """The versions whose gates are asked, and what these want to know."""
        self._refresh()
        return {one.target: one.question for one in self._read.values()}

    def news(self, sample: Sample, *, now: float) -> News:
        """The models to look at because of an answer; `now` is in Unix seconds."""
        self._refresh()
        before, self._told = self._told, {}
        failing: list[Key] = []
        others: list[Key] = []
        for one in self._read.values():
            verdicts = _verdicts(one, sample, now=now)
            told = before.get(one.target)
            if Verdict.FAIL in verdicts:
                failing.append((one.target.namespace, one.target.model))
            elif told is not None and told.verdicts == verdicts and 0 <= now - told.at < _ANYWAY_SECONDS:
                self._told[one.target] = told
                continue
            else:
                others.append((one.target.namespace, one.target.model))
            self._told[one.target] = _Told(verdicts=verdicts, at=now)
        return News(failing=tuple(failing), others=tuple(others))

    def _refresh(self) -> None:
        before, self._read = self._read, {}
        for obj in self._versions():
            if not has_traffic(obj):
                continue
            key = key_of(obj)
            known = before.get(key)
            one = known if known is not None and known.obj is obj else _read(obj)
            if one is not None:
                self._read[key] = one


def has_traffic(obj: Object) -> bool:
    """Whether a ModelVersion's gates are asked: it is a candidate with its share of the requests."""
    return obj.get("status", {}).get("phase") in ON_TRAFFIC


def _read(obj: Object) -> _Watched | None:
    """What is watched of a version; None where no gate asks."""
    status, spec = read_status(obj), obj.get("spec", {})
    gates = (status.effective_rollout or merge(None)).analysis.gates
    if not gates:
        return None
    return _Watched(
        obj=obj,
        target=Target(obj["metadata"]["namespace"], str(spec.get("model")), str(spec.get("version"))),
        gates=tuple(gates),
        question=Question(
            seconds=max(gate.limit.window.total_seconds() for gate in gates),
            edges=frozenset(gate.slower_than.total_seconds() for gate in gates if gate.slower_than is not None),
        ),
        attempt_began=status.attempt_started_at.timestamp() if status.attempt_started_at else None,
        step_began=status.step_started_at.timestamp() if status.step_started_at else None,
    )


def _verdicts(one: _Watched, sample: Sample, *, now: float) -> tuple[Verdict, ...]:
    evidence = sample.evidence.get(one.target)
    return tuple(
        judge(gate, evidence, attempt_started_at=one.attempt_began, step_started_at=one.step_began, now=now).verdict
        for gate in one.gates
    )
