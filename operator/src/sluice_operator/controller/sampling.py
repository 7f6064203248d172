"""Which Prometheus sees the models of a namespace: one for all, but for namespaces that have their own.

Each Prometheus has its own sampler and its own list of what is watched. One that is down, or slow, holds the rollouts
of its namespaces and no others.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping

import aiohttp

from ..kube.gateway import Object
from ..prometheus.access import Access
from ..prometheus.client import PrometheusClient
from ..prometheus.sampler import Sample, Sampler
from .watchlist import News, Watchlist


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
        self._shared = self._sampler(shared, sees=lambda namespace: namespace not in own)
        self._own: dict[str, Sampler] = {}
        for access, namespaces in _grouped(own):
            self._own |= dict.fromkeys(namespaces, self._sampler(access, sees=namespaces.__contains__))

    def last(self, namespace: str = "") -> Sample:
        """The last answer of a namespace's Prometheus; of the one that most share, without a name."""
        return self._own.get(namespace, self._shared).last

    async def run(self) -> None:
        """Sample for ever."""
        async with asyncio.TaskGroup() as group:
            for sampler in (self._shared, *dict.fromkeys(self._own.values())):
                group.create_task(sampler.run())

    def _sampler(self, access: Access, *, sees: Callable[[str], bool]) -> Sampler:
        watchlist = Watchlist(lambda: (obj for obj in self._versions() if sees(obj["metadata"]["namespace"])))

        def answered() -> None:
            self._tell(watchlist.news(sampler.last, now=self._clock()))

        sampler = Sampler(
            client=PrometheusClient(access=access, session=self._session, clock=self._clock),
            interval=self._interval,
            watched=watchlist.watched,
            answered=answered,
            clock=self._clock,
        )
        return sampler


def _grouped(own: Mapping[str, Access]) -> list[tuple[Access, frozenset[str]]]:
    """Each Prometheus once, with the namespaces that it sees."""
    distinct: list[Access] = []
    for access in own.values():
        if access not in distinct:
            distinct.append(access)
    return [(one, frozenset(name for name, access in own.items() if access == one)) for one in distinct]
