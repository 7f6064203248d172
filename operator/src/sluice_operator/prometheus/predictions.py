"""What versions predict, by class: one question twice a minute for all gates that ask how far predictions have moved.

It is asked apart from the others: nobody waits for it, and neither does it for them. Counters are read at whole
multiples of ten seconds, at moments of which Prometheus knows all scrapes, each moment once and in its order: what is
said follows from what Prometheus has, and an operator that starts again comes to the same. It asks for what it has
missed since the step began, two hours back at most, of a few versions at a time.

A pod's first value is where its counting begins; one that has fallen began anew from 0. A pod that tells more classes
than `MOST_CLASSES` is not asked for: what one version counts must not make the answer about all others too long.
"""

import asyncio
import logging
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ..analysis.counts import MOST_COUNTED
from ..analysis.gates import Missing
from ..analysis.predictions import BLOCK, Predictions, Seen
from ..api.status import Verdict
from .client import PrometheusClient, PrometheusError, Series
from .history import OVERLAP
from .predictor import Beside, Question, Target, selected

log = logging.getLogger(__name__)

COUNTER = "sluice_predictions_total"
MOST_CLASSES = 128
"""Classes of a pod that can be compared; the predictor of the reference models has 101 at most."""
_STEP = 10
_EVERY = 30.0
_SECONDS = 10.0
"""How long one answer may take."""
_MOST_BYTES = 64 * 1024**2
_AT_ONCE = 36_000.0
"""Seconds of history that are asked for at a time, of all versions together."""
_LITTLE = 60
"""Seconds that are lacking where it was asked the last time."""
_SEEN_WITHIN = 60
"""Seconds in which both versions must have been seen."""
_KNOWN_FOR = 300
"""Seconds after which a pod that was not seen is a new one."""

_Counts = dict[str, float]
"""By class."""


@dataclass(slots=True)
class _Followed:
    """A version whose predictions are counted beside those of stable."""

    beside: Beside
    predictions: Predictions
    through: int
    """The moment that was taken last, in Unix seconds."""
    last: dict[tuple[Target, str], tuple[int, _Counts]] = field(default_factory=dict)
    """What each pod of either version counted when it was seen last."""
    seen: dict[Target, int] = field(default_factory=dict)
    """When each version had a pod that counts."""
    said: Seen | None = None
    """What came of it, when all of an answer was taken."""
    problem: str | None = None
    """Why there was no answer."""


class PredictionCounts:
    """The predictions of all versions of which a gate asks how far they have moved."""

    def __init__(
        self,
        *,
        client: PrometheusClient,
        watched: Callable[[], Mapping[Target, Question]],
        clock: Callable[[], float],
    ) -> None:
        """Ask about what is watched; `clock` is the time in Unix seconds."""
        self._client = client
        self._watched = watched
        self._clock = clock
        self._followed: dict[Target, _Followed] = {}
        self._at_once = _AT_ONCE

    async def run(self) -> None:
        """Ask for ever. Nothing is asked while nobody wants to know."""
        while True:
            try:
                await self.ask()
            except Exception:
                log.exception("predictions could not be counted; counting begins again from what Prometheus has")
                self._followed = {}
            await asyncio.sleep(_EVERY)

    async def ask(self) -> None:
        """Take what has come since the last time, and of new versions what came since their step began."""
        now = self._clock()
        until = math.floor((now - OVERLAP) / _STEP) * _STEP
        known, self._followed = self._followed, {}
        for target, question in self._watched().items():
            beside, one = question.beside, known.get(target)
            if beside is None:
                continue
            if one is None or one.beside != beside or one.through > until:
                one = _begun(beside, now=now)
            self._followed[target] = one
        while behind := self._behind(until):
            start = min(one.through for one in behind.values())
            targets = {*behind, *(one.beside.stable for one in behind.values())}
            try:
                told = await self._client.over_time(
                    query(targets), start=start, end=until, step=_STEP, seconds=_SECONDS, most=_MOST_BYTES
                )
            except PrometheusError as error:
                log.warning("Prometheus does not say what %d versions predict: %s", len(behind), error)
                for one in behind.values():
                    one.problem = str(error)
                self._at_once = (until - start) * len(behind) / 2
                return
            self._at_once = min(_AT_ONCE, 2 * self._at_once)
            await asyncio.to_thread(_take_all, behind, told, until)

    def said(self, target: Target, question: Question) -> Seen | Missing:
        """What is known of how far a version's predictions have moved."""
        one, beside = self._followed.get(target), question.beside
        if beside is None:
            return Missing(Verdict.NO_DATA, "nothing to compare yet: its step has not begun")
        if one is not None and one.problem is not None:
            return Missing(Verdict.UNAVAILABLE, f"Prometheus does not say what it predicts: {one.problem[:200]}")
        if one is None or one.beside != beside or one.said is None:
            return Missing(Verdict.NO_DATA, "its predictions in this step have not been asked for yet")
        for version, whose in ((target, "its"), (beside.stable, "stable's")):
            if one.seen.get(version, 0) < one.through - _SEEN_WITHIN:
                none = f"no scrape says {whose} predictions by class: {COUNTER}, at most {MOST_CLASSES} classes"
                return Missing(Verdict.NO_DATA, none)
        return one.said

    def _behind(self, until: int) -> dict[Target, _Followed]:
        """Versions to ask for next: those that lack little, or else as many as are not too much for one answer."""
        behind = [(until - one.through, target) for target, one in self._followed.items() if one.through < until]
        little = [target for lacking, target in behind if lacking <= _LITTLE]
        if little:
            return {target: self._followed[target] for target in little}
        out: dict[Target, _Followed] = {}
        for lacking, target in sorted(behind, key=lambda item: item[0]):
            if out and lacking * (len(out) + 1) > self._at_once:
                break
            out[target] = self._followed[target]
        return out


def query(targets: Iterable[Target]) -> str:
    """The counters of all pods of the targets that tell no more classes than can be compared."""
    counters = f"{COUNTER}{{{selected(targets)}}}"
    pods = "namespace,sluice_model,sluice_version,pod"
    counted = f"sum by ({pods},label) ({counters})"
    return f"{counted} and on ({pods}) (count by ({pods}) ({counted}) <= {MOST_CLASSES})"


def _begun(beside: Beside, *, now: float) -> _Followed:
    """Counting from the beginning of the step, or from that of the block before the present one."""
    block = max(0, int((now - beside.since) // BLOCK) - 1)
    began = math.ceil((beside.since + block * BLOCK) / _STEP) * _STEP
    # A later block also has what came in the ten seconds across its beginning.
    through = began - (2 * _STEP if block else _STEP)
    return _Followed(beside, Predictions(began=beside.since, errs=beside.errs), through=through)


def _by_target(told: Sequence[Series]) -> dict[Target, dict[str, dict[int, _Counts]]]:
    """What each pod of each version counted at each moment, by class."""
    out: dict[Target, dict[str, dict[int, _Counts]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(dict)))
    for series in told:
        names = series.labels
        target = Target(*(names.get(name, "") for name in ("namespace", "sluice_model", "sluice_version")))
        pod, label = out[target][names.get("pod", "")], names.get("label", "")
        for at, value in series.samples:
            pod[round(at)][label] = value
    return out


def _take_all(behind: Mapping[Target, _Followed], answer: Sequence[Series], until: int) -> None:
    """Take an answer; beside the loop, which meanwhile says what was said before."""
    told = _by_target(answer)
    for target, one in behind.items():
        for at in range(one.through + _STEP, until + 1, _STEP):
            arms = [_increase(one, version, told.get(version, {}), at) for version in (target, one.beside.stable)]
            one.predictions.take(at, *arms)
        one.last = {pod: known for pod, known in one.last.items() if until - known[0] <= _KNOWN_FOR}
        one.through, one.said, one.problem = until, one.predictions.seen, None


def _increase(one: _Followed, version: Target, pods: Mapping[str, Mapping[int, _Counts]], at: int) -> dict[str, int]:
    """What a version predicted since the moment before."""
    out: dict[str, int] = {}
    for pod, moments in pods.items():
        counts = moments.get(at)
        if counts is None or not all(0 <= value <= MOST_COUNTED for value in counts.values()):
            continue
        one.seen[version] = at
        seen_at, before = one.last.get((version, pod), (at, None))
        one.last[(version, pod)] = (at, counts)
        if before is None or counts == before or at - seen_at > _KNOWN_FOR:
            continue
        if any(counts.get(label, 0.0) < value for label, value in before.items()):
            before = {}  # the process started again from 0
        for label, value in counts.items():
            more = round(value) - round(before.get(label, 0.0))
            if more > 0:
                out[label] = out.get(label, 0) + more
    return out
