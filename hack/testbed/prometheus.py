"""A Prometheus that answers what the operator's sampler asks, from traffic that is made up.

It has the predictor's own series, scraped on a clock: so many that answers are as large as real ones. What a version's
traffic is like may be changed at any time, and the answer with it, at once. It understands selectors with a range
over these series, and refuses everything else, so that a query it cannot answer is not taken for an empty answer.
"""

import asyncio
import contextlib
import re
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from aiohttp import web

from hack.testbed.background import beside

EDGES = ("0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1.0", "2.5", "5.0", "10.0", "+Inf")
_FAST = EDGES.index("0.05")
_SLOW = EDGES.index("2.5")
_CODES = ("200", "400", "422", "429", "500", "503", "504")
_PROTOCOLS = ("v1", "v2", "grpc")
REQUESTS, BUCKETS = "sluice_requests_total", "sluice_request_duration_seconds_bucket"
_SELECTOR = re.compile(r"(\w+)\{(.*)\}\[(\d+)s\]")
_MATCHER = re.compile(r'(\w+)(=~|=)"((?:[^"\\]|\\.)*)"')
_KEPT_SECONDS = 200.0


class Fault(StrEnum):
    """What can be wrong with a Prometheus."""

    DOWN = "down"
    SLOW = "slow"
    ERROR = "500"
    EMPTY = "empty"
    NAN = "NaN"
    STALE = "stale"
    HTML = "HTML"
    REDIRECT = "redirect"


@dataclass(frozen=True, slots=True)
class Target:
    """A version as Prometheus knows it."""

    namespace: str
    model: str
    version: str


@dataclass(slots=True)
class Traffic:
    """What a version is asked and how it answers.

    Attributes:
        rate: Requests a second.
        errors: Share of them answered 500 (0 to 1).
        slow: Share of them that takes longer than a second.
        broke_at: When it was broken, in Unix seconds.
        shown_at: When the first answer that shows it had left, in Unix seconds.
    """

    rate: float = 50.0
    errors: float = 0.0
    slow: float = 0.0
    broke_at: float | None = None
    shown_at: float | None = None
    _total: float = 0.0
    _bad: float = 0.0
    _late: float = 0.0
    _scrapes: deque[tuple[float, float, float, float]] = field(default_factory=deque)

    def scrape(self, at: float, requests: float) -> None:
        """Count so many more requests, and keep the counters as they are then."""
        self._total += requests
        self._bad += requests * self.errors
        self._late += requests * self.slow
        self._scrapes.append((at, self._total, self._bad, self._late))
        while self._scrapes[0][0] < at - _KEPT_SECONDS:
            self._scrapes.popleft()

    @property
    def requests(self) -> float:
        """Requests that it has answered so far."""
        return self._total

    def forget(self) -> None:
        """Keep no scrape; the counters go on."""
        self._scrapes.clear()

    def series(
        self, metric: str, *, edges: set[str], since: float, until: float, nan: bool
    ) -> Iterator[tuple[str, str]]:
        """Labels and samples of each series, as JSON without brackets."""
        kept = [scrape for scrape in self._scrapes if since <= scrape[0] <= until]
        zeros = ",".join(f'[{at:.3f},"{"NaN" if nan else 0}"]' for at, *_ in kept)

        def samples(place: int, other: int | None = None) -> str:
            if nan:
                return zeros
            return ",".join(
                f'[{scrape[0]:.3f},"{scrape[place] - (scrape[other] if other is not None else 0.0):.0f}"]'
                for scrape in kept
            )

        if metric == REQUESTS:
            told = {"200": samples(1, 2), "500": samples(2)}
            for protocol in _PROTOCOLS:
                for code in _CODES:
                    found = told.get(code, zeros) if protocol == "v1" else zeros
                    yield f'"protocol":"{protocol}","code":"{code}"', found
        else:
            everything, fast = samples(1), samples(1, 3)
            for place, edge in enumerate(EDGES):
                if edge in edges:
                    yield f'"le":"{edge}"', zeros if place < _FAST else fast if place < _SLOW else everything


class Prometheus:
    """Its HTTP API on loopback."""

    def __init__(self, *, scrape_seconds: float = 1.0) -> None:
        self._scrape_seconds = scrape_seconds
        self._traffic: dict[Target, Traffic] = {}
        self._changed = asyncio.Condition()
        self._fault_over = asyncio.Event()
        self._fault: Fault | None = None
        self._scrapes = 0
        self.url = ""
        self.rounds = 0
        """Questions for requests that came so far, answered or not."""
        self.others = ""
        """Series of others, with a comma in front, that come with every answer."""

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator["Prometheus"]:
        """Scrape and answer while the block runs."""
        app = web.Application()
        app.add_routes([web.post("/api/v1/query", self._query)])
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            async with beside(self._scrape()):
                yield self
        finally:
            self.fail(None)
            await runner.cleanup()

    def traffic(self, model: str, version: str, *, namespace: str = "default") -> Traffic:
        """The traffic of a version; it begins when it is first spoken of."""
        target = Target(namespace, model, version)
        if target not in self._traffic:
            self._traffic[target] = Traffic()
            self._traffic[target].scrape(time.time(), 0.0)
        return self._traffic[target]

    def forget(self, model: str, version: str, *, namespace: str = "default") -> None:
        """Let a version have no series any more."""
        self._traffic.pop(Target(namespace, model, version), None)

    def break_version(self, model: str, version: str, *, namespace: str = "default") -> Traffic:
        """Let a version answer 9 of 10 requests with errors, and let a scrape see it now."""
        traffic = self.traffic(model, version, namespace=namespace)
        traffic.errors, traffic.broke_at = 0.9, time.time()
        traffic.scrape(traffic.broke_at, 200 * traffic.rate)
        return traffic

    def lose_history(self) -> None:
        """Forget all that was scraped, as one does that starts again with nothing on its disk."""
        for traffic in self._traffic.values():
            traffic.forget()

    def fail(self, fault: Fault | None) -> None:
        """Have a fault from now on, or none."""
        self._fault = fault
        self._fault_over.set()
        self._fault_over = asyncio.Event()

    async def asked(self, times: int) -> None:
        """Wait until it was asked so many times more."""
        goal = self.rounds + times
        async with self._changed:
            await self._changed.wait_for(lambda: self.rounds >= goal)

    async def scraped(self, times: int) -> None:
        """Wait until it has scraped so many times more."""
        goal = self._scrapes + times
        async with self._changed:
            await self._changed.wait_for(lambda: self._scrapes >= goal)

    async def _scrape(self) -> None:
        while True:
            await asyncio.sleep(self._scrape_seconds - time.time() % self._scrape_seconds)
            if self._fault is Fault.STALE:
                continue
            now = time.time()
            for traffic in self._traffic.values():
                traffic.scrape(now, traffic.rate * self._scrape_seconds)
            async with self._changed:
                self._scrapes += 1
                self._changed.notify_all()

    async def _query(self, request: web.Request) -> web.StreamResponse:
        form = await request.post()
        asked = _parsed(str(form["query"]))
        if asked.metric == REQUESTS:
            async with self._changed:
                self.rounds += 1
                self._changed.notify_all()
        # First: a question that waited meets the fault that followed, never an answer in between.
        if self._fault is Fault.SLOW:
            await self._fault_over.wait()
        if self._fault is Fault.DOWN and request.transport is not None:
            request.transport.abort()
            return web.Response()
        if self._fault is Fault.ERROR:
            return web.json_response({"status": "error", "error": "out of memory"}, status=500)
        if self._fault is Fault.HTML:
            return web.Response(text="<html>welcome</html>", content_type="text/html")
        if self._fault is Fault.REDIRECT:
            return web.Response(status=302, headers={"Location": f"{self.url}/login"})
        now = float(str(form["time"]))
        wanted = {target: traffic for target, traffic in self._traffic.items() if asked.about(target)}
        shows = [one for one in wanted.values() if one.broke_at and one.broke_at <= now and not one.shown_at]
        body = self._answer(asked, {} if self._fault is Fault.EMPTY else wanted, until=now)
        response = web.Response(body=body, content_type="application/json")
        await response.prepare(request)
        await response.write_eof()
        if asked.metric == REQUESTS and self._fault is None:
            for traffic in shows:
                traffic.shown_at = time.time()
        return response

    def _answer(self, asked: "_Selector", wanted: dict[Target, Traffic], *, until: float) -> bytes:
        since, nan = until - asked.seconds, self._fault is Fault.NAN
        result = ",".join(
            f'{{"metric":{{"__name__":"{asked.metric}","namespace":"{target.namespace}","sluice_model":"{target.model}",'
            f'"sluice_version":"{target.version}","pod":"{target.model}-{target.version}","traffic":"live",{labels}}},'
            f'"values":[{samples}]}}'
            for target, traffic in wanted.items()
            for labels, samples in traffic.series(asked.metric, edges=asked.edges, since=since, until=until, nan=nan)
        )
        result += self.others
        return f'{{"status":"success","data":{{"resultType":"matrix","result":[{result}]}}}}'.encode()


@dataclass(frozen=True, slots=True)
class _Selector:
    """What is asked for."""

    metric: str
    namespaces: set[str]
    models: set[str]
    versions: set[str]
    edges: set[str]
    seconds: int

    def about(self, target: Target) -> bool:
        return target.namespace in self.namespaces and target.model in self.models and target.version in self.versions


def _parsed(query: str) -> _Selector:
    """A selector.

    Raises:
        web.HTTPBadRequest: It is anything else.
    """
    found = _SELECTOR.fullmatch(query)
    if found is None or found[1] not in (REQUESTS, BUCKETS):
        raise web.HTTPBadRequest(text=f"not a selector that is understood here: {query[:200]}")
    values = {name: _alternatives(text) for name, _, text in _MATCHER.findall(found[2])}
    return _Selector(
        metric=found[1],
        namespaces=values["namespace"],
        models=values["sluice_model"],
        versions=values["sluice_version"],
        edges=values.get("le", set(EDGES)),
        seconds=int(found[3]),
    )


def _alternatives(text: str) -> set[str]:
    """The values that a matcher of escaped alternatives, or of one value, stands for."""
    pattern = re.sub(r"\\(.)", r"\1", text)
    return {re.sub(r"\\(.)", r"\1", part) for part in re.split(r"(?<!\\)\|", pattern)}
