"""One sampler for all rollouts: a few questions an interval, however many there are, and as many about new ones.

They are asked once more while the history of a version is wanted from further back, of a few versions at a time;
nothing waits for that. How far back is known is each version's own affair: most need a minute or two. What the queries
of their own gave is added, as far as it has come.

What it holds is a copy of what Prometheus has; after a restart the first answers bring the same evidence back.
"""

import asyncio
import logging
import math
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from ..analysis.gates import Evidence
from ..api.analysis import CountedBy
from .asking import ask
from .client import PrometheusClient, PrometheusError
from .gateways import Preset
from .history import MOST_BACK, OVERLAP, extended, marked, scraped_every
from .own import OwnQueries
from .predictions import PredictionCounts
from .predictor import Question, Target

log = logging.getLogger(__name__)

_BEFORE_WINDOW = 60.0
"""Seconds fetched beyond the longest window, so that every check finds where its window begins."""
_SHORTEST = 60.0
"""Seconds that a window is taken to have at least: two scrapes tell how far apart scrapes are."""
_BACK_AT_ONCE = 36_000.0
"""Seconds of history that are asked for at a time, of all versions together: half an hour of twenty."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The last answer: evidence for each target, or why there is none."""

    at: float
    """When it came, in Unix seconds."""
    evidence: Mapping[Target, Evidence]
    problem: str | None = None


class Sampler:
    """Asks for all that is being watched, and says when it has an answer."""

    def __init__(
        self,
        *,
        client: PrometheusClient,
        interval: float,
        watched: Callable[[], Mapping[Target, Question]],
        answered: Callable[[], None],
        clock: Callable[[], float],
        gateway: Preset | None = None,
        own: OwnQueries | None = None,
        predictions: PredictionCounts | None = None,
    ) -> None:
        """Sample every `interval` seconds.

        Args:
            client: The Prometheus to ask.
            interval: Seconds between two samples.
            watched: The targets to ask for now, and what to ask.
            answered: Called after every answer, and after every failure to get one.
            clock: The time in Unix seconds.
            gateway: The Gateway that it scrapes, where it is known.
            own: Asks the queries that gates have of their own; None where these are not allowed.
            predictions: Counts what versions predict.
        """
        self._predictions = predictions
        self._client = client
        self._gateway = gateway
        self._own = own
        self._interval = interval
        self._watched = watched
        self._answered = answered
        self._clock = clock
        self.last = Sample(at=clock(), evidence={})
        self._known: Mapping[Target, Evidence] = {}
        self._known_at = 0.0
        self._known_edges: frozenset[float] = frozenset()
        self._known_by: Mapping[Target, tuple[str, CountedBy]] = {}
        self._back_at_once = _BACK_AT_ONCE

    async def run(self) -> None:
        """Sample for ever. Nothing is asked while nothing is watched."""
        while True:
            watched = self._watched()
            if watched:
                self.last = await self._sample(watched)
                self._answered()
            await asyncio.gather(asyncio.sleep(self._interval), self._reach_back(watched))

    async def _sample(self, watched: Mapping[Target, Question]) -> Sample:
        now = self._clock()
        edges = frozenset[float]().union(*(question.edges for question in watched.values()))
        again = int(now - self._known_at) + OVERLAP
        reach = {target: self._reach(target, question) for target, question in watched.items()}
        too_long = again > max(reach.values())
        remembered = self._known
        if now < self._known_at or too_long or not edges <= self._known_edges:
            self._known = {}  # the future is not known, nor what was not asked for
        by = {target: (question.service, question.source) for target, question in watched.items()}
        known = {target for target in watched if self._knows(target, since=now - reach[target])}
        known = {target for target in known if self._known_by.get(target) == by[target]}  # nor who was not asked
        new = watched.keys() - known
        seconds = math.ceil(max((reach[target] for target in new), default=0.0))
        try:
            news, whole = await asyncio.gather(
                self._ask(_of(watched, known), edges=edges, seconds=again, now=now),
                self._ask(_of(watched, new), edges=edges, seconds=seconds, now=now),
            )
            longer = {
                target: extended(self._known[target], what, since=self._since(target, watched[target], now=now))
                for target, what in news.items()
            }
            whole = {target: marked(what, remembered.get(target)) for target, what in whole.items()}
        except PrometheusError as error:
            log.warning("Prometheus does not answer: %s", error)
            return Sample(at=self._clock(), evidence={}, problem=str(error))
        except Exception as error:
            log.exception("Prometheus' answer could not be read")
            self._known = {}
            return Sample(at=self._clock(), evidence={}, problem=f"its answer cannot be read: {type(error).__name__}")
        self._known, self._known_at, self._known_edges = {**longer, **whole}, now, edges
        self._known_by = by
        return Sample(at=self._clock(), evidence=self._with_own(watched))

    async def _reach_back(self, watched: Mapping[Target, Question]) -> None:
        """Ask what was before of versions of which more is wanted than is known, those first that lack least."""
        now, edges = self._clock(), self._known_edges
        wanted = {
            target: self._since(target, question, now=now)
            for target, question in watched.items()
            if question.since is not None
        }
        lacking = [target for target in wanted.keys() & self._known if not self._knows(target, since=wanted[target])]
        asked: dict[Target, Question] = {}
        seconds = 0
        for target in sorted(lacking, key=wanted.__getitem__, reverse=True):
            longer = math.ceil(now - wanted[target])
            if asked and longer * (len(asked) + 1) > self._back_at_once:
                break
            asked[target], seconds = replace(watched[target], edges=frozenset()), longer
        if not asked or self.last.problem is not None or now < self._known_at:
            return
        try:
            before = await self._ask(asked, edges=edges, seconds=seconds, now=now)
        except Exception as error:
            log.warning("Prometheus does not say what was before, of %d versions: %s", len(asked), error)
            self._back_at_once = min(self._back_at_once, float(seconds * len(asked))) / 2
            return
        self._back_at_once = min(_BACK_AT_ONCE, 2 * self._back_at_once)
        found = {target: marked(what, self._known.get(target)) for target, what in before.items()}
        self._known = {**self._known, **found}

    def _knows(self, target: Target, *, since: float) -> bool:
        """Whether what is known of a target reaches back far enough."""
        known = self._known.get(target)
        return known is not None and known.errors.since <= since

    def _reach(self, target: Target, question: Question) -> float:
        """Seconds of history without which a version's gates cannot be judged, as far as is known."""
        further = question.looks * scraped_every(self._known.get(target)) if question.looks else 0.0
        return max(math.ceil(question.seconds), _SHORTEST) + _BEFORE_WINDOW + further

    def _since(self, target: Target, question: Question, *, now: float) -> float:
        """From when on the history of a version is kept, in Unix seconds."""
        further = math.inf if question.since is None else max(question.since, now - MOST_BACK)
        return min(now - self._reach(target, question), further)

    async def _ask(
        self, watched: Mapping[Target, Question], *, edges: AbstractSet[float], seconds: int, now: float
    ) -> dict[Target, Evidence]:
        return await ask(self._client, watched, gateway=self._gateway, edges=edges, seconds=seconds, now=now)

    def _with_own(self, watched: Mapping[Target, Question]) -> Mapping[Target, Evidence]:
        """What is known, with what the gates' own queries gave, where these may be asked, and with predictions."""
        own, predictions, found = self._own, self._predictions, dict(self._known)
        if own is not None:
            found = {
                target: replace(evidence, custom=own.said(watched[target]) if target in watched else {})
                for target, evidence in found.items()
            }
        if predictions is not None:
            for target, question in watched.items():
                if question.beside is not None and target in found:
                    found[target] = replace(found[target], predictions=predictions.said(target, question))
        return found


def _of(watched: Mapping[Target, Question], targets: AbstractSet[Target]) -> Mapping[Target, Question]:
    return {target: question for target, question in watched.items() if target in targets}
