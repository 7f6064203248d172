"""One sampler for all rollouts: a constant number of questions an interval, however many there are.

What it holds is a copy of what Prometheus has; after a restart the first answer brings the same evidence back.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..analysis.gates import Evidence
from .client import PrometheusClient, PrometheusError
from .predictor import Target, queries, read_evidence

log = logging.getLogger(__name__)

_BEFORE_WINDOW = 60
"""Seconds fetched beyond the longest window, so that every check finds where its window begins."""


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
        watched: Callable[[], Mapping[Target, float]],
        answered: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        """Sample every `interval` seconds.

        Args:
            client: The Prometheus to ask.
            interval: Seconds between two samples.
            watched: The targets to ask for now, each with the longest window of its gates in seconds.
            answered: Called after every answer, and after every failure to get one.
            clock: The time in Unix seconds.
        """
        self._client = client
        self._interval = interval
        self._watched = watched
        self._answered = answered
        self._clock = clock
        self.last = Sample(at=clock(), evidence={})

    async def run(self) -> None:
        """Sample for ever. Nothing is asked while nothing is watched."""
        while True:
            watched = self._watched()
            if watched:
                self.last = await self._sample(watched)
                self._answered()
            await asyncio.sleep(self._interval)

    async def _sample(self, watched: Mapping[Target, float]) -> Sample:
        now = self._clock()
        seconds = int(max(watched.values())) + _BEFORE_WINDOW
        requests, buckets = queries(watched, seconds=seconds)
        try:
            answers = await asyncio.gather(self._client.matrix(requests, at=now), self._client.matrix(buckets, at=now))
        except PrometheusError as error:
            log.warning("Prometheus does not answer: %s", error)
            return Sample(at=self._clock(), evidence={}, problem=str(error))
        evidence = read_evidence(*answers, targets=watched, since=now - seconds)
        return Sample(at=self._clock(), evidence=evidence)
