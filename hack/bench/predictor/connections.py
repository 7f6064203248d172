"""A thousand clients that stay connected, each asking every other second: what a gateway's pods see all day."""

from __future__ import annotations

import asyncio
import resource
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import aiohttp

from hack.bench.predictor.running import Running

CONNECTIONS = 1000
INTERVAL_S = 2.0
TIMEOUT_S = 10


@dataclass(frozen=True, slots=True)
class Crowd:
    """Clients, each with a connection of its own that it keeps, for so many seconds."""

    url: str
    bodies: Sequence[bytes]
    seconds: float
    clients: int = CONNECTIONS

    async def ask(self) -> Counter[str]:
        """Have all ask; count what they get, by status or by the name of the error that there was instead."""
        _allow_connections(self.clients)
        outcomes: Counter[str] = Counter()
        began = asyncio.get_running_loop().time()
        async with asyncio.TaskGroup() as group:
            for place in range(self.clients):
                group.create_task(self._client(place, began=began, outcomes=outcomes))
        return outcomes

    async def _client(self, place: int, *, began: float, outcomes: Counter[str]) -> None:
        """Ask at this client's own moment of every interval."""
        loop = asyncio.get_running_loop()
        due = began + INTERVAL_S * place / self.clients
        connector = aiohttp.TCPConnector(limit=1, keepalive_timeout=10 * INTERVAL_S)
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            while due < began + self.seconds:
                await asyncio.sleep(max(0.0, due - loop.time()))
                outcomes[await self._one(session, self.bodies[place % len(self.bodies)])] += 1
                due += INTERVAL_S

    async def _one(self, session: aiohttp.ClientSession, body: bytes) -> str:
        try:
            async with session.post(self.url, data=body, headers={"content-type": "application/json"}) as response:
                await response.read()
                return str(response.status)
        except (aiohttp.ClientError, TimeoutError) as error:
            return type(error).__name__


async def errors(server: Running, *, bodies: Sequence[bytes], seconds: float) -> int:
    """How many requests of a crowd were not answered 200."""
    outcomes = await Crowd(server.url, bodies, seconds).ask()
    return outcomes.total() - outcomes["200"]


def _allow_connections(count: int) -> None:
    """Let this process open as many, beside what it has open: the default of a shell can be as low as 1,024."""
    soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(most, 2 * count)), most))
