"""Which Prometheus sees the models of a namespace: one for all, but for namespaces that have their own.

Each Prometheus has its own sampler, its own list of what is watched, and its own comparisons. One that is down, or
slow, holds the rollouts of its namespaces and no others.

An answer is news for the limits at once. Comparisons are folded after that, in a thread: no rollback waits for them.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import aiohttp

from ..kube.gateway import Object
from ..prometheus.access import Access
from ..prometheus.client import PrometheusClient
from ..prometheus.gateways import PRESETS
from ..prometheus.own import OwnQueries
from ..prometheus.predictions import PredictionCounts
from ..prometheus.predictor import Target
from ..prometheus.sampler import Sample, Sampler
from .comparing import Comparing, Findings
from .watchlist import News, Watchlist

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Part:
    """One Prometheus, and what is made of its answers."""

    sampler: Sampler
    watchlist: Watchlist
    comparing: Comparing
    answered: asyncio.Event
    judged: asyncio.Event
    own: OwnQueries | None
    """Asks the queries that gates have of their own; None where it may not be asked these."""
    predictions: PredictionCounts


class Sampling:
    """All samplers."""

    def __init__(
        self,
        *,
        shared: Access,
        own: Mapping[str, Access],
        session: aiohttp.ClientSession,
        interval: float,
        versions: Callable[[], Iterable[Object]],
        tell: Callable[[News], None],
        clock: Callable[[], float],
    ) -> None:
        """Sample every `interval` seconds.

        Args:
            shared: The Prometheus of every namespace that has none of its own.
            own: By namespace; those that are reached in the same way are one Prometheus.
            session: To ask with.
            interval: Seconds between two samples.
            versions: All ModelVersions.
            tell: Told of the news that an answer brings.
            clock: The time in Unix seconds.
        """
        self._session = session
        self._interval = interval
        self._versions = versions
        self._tell = tell
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()
        self._shared = self._part(shared, sees=lambda namespace: namespace not in own)
        self._own: dict[str, _Part] = {}
        for access, namespaces in _grouped(own):
            self._own |= dict.fromkeys(namespaces, self._part(access, sees=namespaces.__contains__))

    def last(self, namespace: str = "") -> Sample:
        """The last answer of a namespace's Prometheus; of the one that most share, without a name."""
        return self._own.get(namespace, self._shared).sampler.last

    def found(self, namespace: str) -> Mapping[Target, Findings]:
        """What comparisons made of the answers of a namespace's Prometheus."""
        return self._own.get(namespace, self._shared).comparing.found

    async def run(self) -> None:
        """Sample for ever."""
        async with asyncio.TaskGroup() as group:
            for part in {id(part): part for part in (self._shared, *self._own.values())}.values():
                group.create_task(part.sampler.run())
                group.create_task(self._judge(part))
                group.create_task(self._compare(part))
                group.create_task(part.predictions.run())
                if part.own is not None:
                    group.create_task(part.own.run())

    async def _judge(self, part: _Part) -> None:
        """Judge the limits after every answer, for ever; what fails is told while others are judged."""
        while True:
            await part.answered.wait()
            part.answered.clear()
            try:
                for news in part.watchlist.news(part.sampler.last, now=self._clock()):
                    self._tell(news)
                    await asyncio.sleep(0)
            except Exception:
                log.exception("an answer of Prometheus could not be judged")
            part.judged.set()

    async def _compare(self, part: _Part) -> None:
        """Fold what comes, for ever; where it comes faster than it is folded, the last of it."""
        while True:
            await part.judged.wait()
            part.judged.clear()
            subjects, sample = part.watchlist.subjects(), part.sampler.last
            if not subjects and not part.comparing.found:
                continue
            async with self._one_at_a_time:
                await asyncio.to_thread(part.comparing.fold, subjects, sample)
            try:
                self._tell(part.watchlist.news_of_comparisons(sample, now=self._clock()))
            except Exception:
                log.exception("what comparisons say could not be told")

    def _part(self, access: Access, *, sees: Callable[[str], bool]) -> _Part:
        comparing, answered = Comparing(), asyncio.Event()
        watchlist = Watchlist(
            lambda: (obj for obj in self._versions() if sees(obj["metadata"]["namespace"])), comparing
        )

        client = PrometheusClient(access=access, session=self._session, clock=self._clock)
        own = None
        if access.custom_queries:
            own = OwnQueries(client=client, interval=self._interval, watched=watchlist.watched, clock=self._clock)
        predictions = PredictionCounts(client=client, watched=watchlist.watched, clock=self._clock)
        sampler = Sampler(
            client=client,
            interval=self._interval,
            watched=watchlist.watched,
            answered=answered.set,
            clock=self._clock,
            gateway=PRESETS[access.gateway] if access.gateway else None,
            own=own,
            predictions=predictions,
        )
        return _Part(sampler, watchlist, comparing, answered, asyncio.Event(), own, predictions)


def _grouped(own: Mapping[str, Access]) -> list[tuple[Access, frozenset[str]]]:
    """Each Prometheus once, with the namespaces that it sees."""
    distinct: list[Access] = []
    for access in own.values():
        if access not in distinct:
            distinct.append(access)
    return [(one, frozenset(name for name, access in own.items() if access == one)) for one in distinct]
