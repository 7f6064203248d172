"""Which versions Prometheus is asked about, and which models its answer is news for.

Most answers change nothing: a thousand rollouts that wait for their holds to end need not be looked at every few
seconds. A model is looked at when a gate takes its candidate back, before all others and after every answer until that
has had its effect; when a gate answers other than before; when there is evidence to be written; and now and then all
the same. What time alone brings about, the queue knows.

An answer is news twice: for the limits at once, some versions at a time and the worst first, so that rollbacks are
written while the last version is judged; and for the comparisons when they are folded.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ..analysis.gates import GateResult
from ..api.gates import Metric
from ..api.status import Verdict
from ..kube.gateway import Object
from ..kube.reflector import Key, key_of
from ..prometheus.predictor import Question, Target
from ..prometheus.sampler import Sample
from ..rollout.asking import takes_back
from ..rollout.snapshot import ON_TRAFFIC
from .answered import wanted_since
from .comparing import Comparing, Subject
from .judging import answers, limits
from .questions import both, of_candidate, of_stable
from .reading import read_status
from .watched import Watched, stable_beside, target_of, watched

log = logging.getLogger(__name__)

_ANYWAY_SECONDS = 60.0
_AT_A_TIME = 50
"""Versions that are judged before anybody else has a turn: a hundredth of a second."""


@dataclass(frozen=True, slots=True)
class News:
    """The models that an answer of Prometheus is news for."""

    failing: tuple[Key, ...]
    """Those whose candidate is taken back by a gate: they come first."""
    others: tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class _Read:
    """A version whose gates are asked, read once for as long as its object stays the same."""

    obj: Object
    one: Watched
    question: Question
    beside: Object | None = None
    """The version that was promoted last, where a gate wants to know which that is."""
    stable: Target | None = None
    """What it is compared with."""
    asked_of_stable: Question | None = None
    """What is wanted of that."""


@dataclass(frozen=True, slots=True)
class _Told:
    """What the gates answered when the model was last looked at because of them."""

    said: tuple[tuple[Verdict, bool, bool, bool], ...]
    """Each gate's verdict, and whether its comparison cannot tell yet, it is frozen, or nothing can be compared."""
    at: float


class Watchlist:
    """The versions that have traffic and gates, and those that they are compared with."""

    def __init__(self, versions: Callable[[], Iterable[Object]], comparing: Comparing) -> None:
        """Watch among the ModelVersions of a local copy."""
        self._versions = versions
        self._comparing = comparing
        self._read: dict[Key, _Read] = {}
        self._limits: dict[Target, Sequence[GateResult]] = {}
        self._told: dict[Target, _Told] = {}

    def watched(self) -> Mapping[Target, Question]:
        """The versions whose gates are asked, those that they are compared with, and what is wanted of them."""
        self._refresh()
        out: dict[Target, Question] = {}
        for read in self._read.values():
            wanted = self._comparing.reach(read.one) if read.stable is not None else None
            since = [at for at in (wanted_since(read.one), wanted.candidate if wanted else None) if at is not None]
            candidate = replace(read.question, since=min(since, default=None))
            out[read.one.target] = both(candidate, out.get(read.one.target))
            if read.stable is not None and wanted is not None and read.asked_of_stable is not None:
                stable = replace(read.asked_of_stable, since=wanted.stable)
                out[read.stable] = both(stable, out.get(read.stable))
        return out

    def subjects(self) -> tuple[Subject, ...]:
        """The versions that are compared."""
        return tuple(Subject(read.one, read.stable) for read in self._read.values() if read.stable is not None)

    def news(self, sample: Sample, *, now: float) -> Iterator[News]:
        """The models to look at at once because of an answer, some at a time; `now` is in Unix seconds.

        A version that is compared is among them if a limit would take it back. What else is new of it is told with what
        the comparisons make of the answer.
        """
        self._refresh()
        reads = sorted(self._read.values(), key=lambda read: -_failed_of_late(sample, read.one.target))
        there = {read.one.target for read in reads}
        self._told = {target: told for target, told in self._told.items() if target in there}
        said: dict[Target, Sequence[GateResult]] = {}
        for first in range(0, len(reads), _AT_A_TIME):
            some = reads[first : first + _AT_A_TIME]
            said |= {read.one.target: limits(read.one, sample, now=now) for read in some}
            at_once = [read for read in some if read.stable is None or any(map(takes_back, said[read.one.target]))]
            yield self._news(at_once, said, sample, now=now)
        self._limits = said

    def news_of_comparisons(self, sample: Sample, *, now: float) -> News:
        """The models to look at because of what the comparisons have made of the same answer."""
        known = [read for read in self._read.values() if read.stable is not None and read.one.target in self._limits]
        return self._news(known, self._limits, sample, now=now)

    def _news(
        self,
        reads: Iterable[_Read],
        said_by_limits: Mapping[Target, Sequence[GateResult]],
        sample: Sample,
        *,
        now: float,
    ) -> News:
        failing: list[Key] = []
        others: list[Key] = []
        for read in reads:
            target = read.one.target
            found = self._comparing.found.get(target)
            results = answers(read.one, said_by_limits[target], stable=read.stable, sample=sample, found=found, now=now)
            said = tuple((each.verdict, each.undecided, each.frozen, each.invalid is not None) for each in results)
            told = self._told.get(target)
            unwritten = found is not None and found.are_of(read.one) and found.recorded != read.one.evidence
            if any(map(takes_back, results)):
                failing.append((target.namespace, target.model))
            elif told and told.said == said and 0 <= now - told.at < _ANYWAY_SECONDS and not unwritten:
                continue
            else:
                others.append((target.namespace, target.model))
            self._told[target] = _Told(said=said, at=now)
        return News(failing=tuple(failing), others=tuple(others))

    def _refresh(self) -> None:
        before, self._read = self._read, {}
        rivals: dict[Key, list[Object]] = defaultdict(list)
        for obj in self._versions():
            model = (obj["metadata"]["namespace"], str(obj.get("spec", {}).get("model")))
            rivals[model].append(obj)
            if not has_traffic(obj):
                continue
            key = key_of(obj)
            known = before.get(key)
            read = known if known is not None and known.obj is obj else _read(obj)
            if read is not None:
                self._read[key] = read
        for key, read in self._read.items():
            target = read.one.target
            beside = None
            if read.one.comparing or read.question.custom or _asks_of_predictions(read.one):
                beside = stable_beside(read.obj, rivals[(target.namespace, target.model)])
            if beside is not read.beside:
                self._read[key] = _beside(read, beside)


def has_traffic(obj: Object) -> bool:
    """Whether a ModelVersion's gates are asked: it is a candidate with its share of the requests."""
    return (obj.get("status") or {}).get("phase") in ON_TRAFFIC


def _failed_of_late(sample: Sample, target: Target) -> float:
    """The greatest share of its requests that a pod answered badly between its last two scrapes."""
    found = sample.evidence.get(target)
    last = [pod.scrapes[-2:] for pod in found.errors.pods] if found is not None else []
    return max(
        (
            (after.bad - before.bad) / (after.total - before.total)
            for before, after in (pair for pair in last if len(pair) > 1)
            if after.total > before.total
        ),
        default=0.0,
    )


def _read(obj: Object) -> _Read | None:
    """A version; None where nobody can tell what its gates ask, which then say that they were not asked."""
    try:
        one = watched(obj, read_status(obj))
        return _Read(obj=obj, one=one, question=of_candidate(one, obj, stable=None))
    except Exception:
        log.exception("what a version's gates ask cannot be told: %s", key_of(obj))
        return None


def _asks_of_predictions(one: Watched) -> bool:
    return any(gate.metric is Metric.PREDICTION_DRIFT for gate in one.gates)


def _beside(read: _Read, beside: Object | None) -> _Read:
    """The same version beside the one that was promoted last."""
    compared = beside if read.one.comparing else None
    return replace(
        read,
        beside=beside,
        question=of_candidate(read.one, read.obj, stable=beside),
        stable=target_of(compared) if compared is not None else None,
        asked_of_stable=of_stable(read.one, compared) if compared is not None else None,
    )
