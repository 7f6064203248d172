"""One sampler for all rollouts: two questions an interval, however many there are, and two about those that are new.

One more is asked while a gate wants an edge that its histogram does not have, so that people can be told which it has.

What it holds is a copy of what Prometheus has; after a restart the first answer brings the same evidence back.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from ..analysis.gates import Evidence
from .client import PrometheusClient, PrometheusError
from .history import extended
from .predictor import Question, Target, all_buckets, queries, read_evidence

log = logging.getLogger(__name__)

_BEFORE_WINDOW = 60
"""Seconds fetched beyond the longest window, so that every check finds where its window begins."""
_OVERLAP = 15
"""Seconds asked for anew of what is known: a scrape takes a while until all of Prometheus has it."""


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
    ) -> None:
        """Sample every `interval` seconds.

        Args:
            client: The Prometheus to ask.
            interval: Seconds between two samples.
            watched: The targets to ask for now, and what to ask.
            answered: Called after every answer, and after every failure to get one.
            clock: The time in Unix seconds.
        """
        self._client = client
        self._interval = interval
        self._watched = watched
        self._answered = answered
        self._clock = clock
        self.last = Sample(at=clock(), evidence={})
        self._known: Mapping[Target, Evidence] = {}
        self._known_at = 0.0
        self._known_edges: frozenset[float] = frozenset()

    async def run(self) -> None:
        """Sample for ever. Nothing is asked while nothing is watched."""
        while True:
            watched = self._watched()
            if watched:
                self.last = await self._sample(watched)
                self._answered()
            await asyncio.sleep(self._interval)

    async def _sample(self, watched: Mapping[Target, Question]) -> Sample:
        now = self._clock()
        seconds = int(max(question.seconds for question in watched.values())) + _BEFORE_WINDOW
        edges = frozenset[float]().union(*(question.edges for question in watched.values()))
        if now < self._known_at or not edges <= self._known_edges:
            self._known = {}  # the future is not known, nor what was not asked for
        known = {target for target in watched if self._knows(target, since=now - seconds)}
        again = min(seconds, int(now - self._known_at) + _OVERLAP)
        try:
            new, whole = await asyncio.gather(
                self._ask(_of(watched, known), edges=edges, seconds=again, now=now),
                self._ask(_of(watched, watched.keys() - known), edges=edges, seconds=seconds, now=now),
            )
        except PrometheusError as error:
            log.warning("Prometheus does not answer: %s", error)
            return Sample(at=self._clock(), evidence={}, problem=str(error))
        longer = {target: extended(self._known[target], news, since=now - seconds) for target, news in new.items()}
        self._known, self._known_at, self._known_edges = {**longer, **whole}, now, edges
        return Sample(at=self._clock(), evidence=self._known)

    def _knows(self, target: Target, *, since: float) -> bool:
        """Whether what is known of a target reaches back far enough."""
        known = self._known.get(target)
        return known is not None and known.errors.since <= since

    async def _ask(
        self, watched: Mapping[Target, Question], *, edges: AbstractSet[float], seconds: int, now: float
    ) -> dict[Target, Evidence]:
        if not watched:
            return {}
        since = now - seconds
        asked = queries(watched, seconds=seconds, edges=edges)
        requests, buckets = await asyncio.gather(*(self._client.matrix(query, at=now) for query in asked))
        found = read_evidence(requests, buckets, targets=watched, edges=edges, since=since)
        unsure = [
            target
            for target, question in watched.items()
            if found[target].errors.pods and not question.edges <= found[target].slower.keys()
        ]
        if unsure:
            whole = await self._client.matrix(all_buckets(unsure, seconds=seconds), at=now)
            found |= read_evidence(requests, whole, targets=unsure, edges=edges, since=since)
        return found


def _of(watched: Mapping[Target, Question], targets: AbstractSet[Target]) -> Mapping[Target, Question]:
    return {target: question for target, question in watched.items() if target in targets}
