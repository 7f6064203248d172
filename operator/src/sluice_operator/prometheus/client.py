"""Asking Prometheus, with one bounded wait for everything: what passes is asked again within it.

Only answers that are whole count: a partial answer or a warning is as good as none, because a gate must not judge on
half of the pods.
"""

import asyncio
import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    stop_after_attempt,
    stop_before_delay,
    wait_random_exponential,
)

from .access import Access, Trust

_TRIES = 3
_CONNECT_SECONDS = 1.0
_JITTER = wait_random_exponential(multiplier=0.1, max=0.5)
_WORDS = 200
_MOST_BYTES = 64 * 1024**2
"""An answer about 5,000 rollouts has as much; more would cost the operator its memory."""
_CLOCKS_DIFFER = 30.0


class PrometheusError(Exception):
    """Prometheus did not answer, or not with what was asked."""


class _PassingError(PrometheusError):
    """The same question may be answered when it is asked again."""

    def __init__(self, message: str, *, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Series:
    """One series of an answer."""

    labels: dict[str, str]
    samples: tuple[tuple[float, float], ...]
    """(Unix seconds, value), oldest first: raw samples, with the times at which they were scraped."""


class PrometheusClient:
    """The query API of one Prometheus."""

    def __init__(
        self,
        *,
        access: Access,
        session: aiohttp.ClientSession,
        timeout: float = 4.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Ask a Prometheus, waiting `timeout` seconds at most for each answer, repetitions included.

        `clock` is the time in Unix seconds. Prometheus times what it scrapes by its own clock, and steps are timed by
        this one: an answer is none where the two differ by more than half a minute.
        """
        self._clock = clock
        self._access = access
        self._trust = Trust(access.ca_file)
        self._url = access.url.rstrip("/") + "/api/v1/query"
        self._session = session
        self._timeout = timeout

    async def matrix(self, query: str, *, at: float) -> list[Series]:
        """Raw samples of a range selector, evaluated at a moment in Unix seconds.

        Raises:
            PrometheusError: when there is no whole answer in time.
        """
        loop = asyncio.get_running_loop()
        ends = loop.time() + self._timeout
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(_PassingError),
            stop=stop_after_attempt(_TRIES) | stop_before_delay(self._timeout),
            wait=_pause,
            reraise=True,
        )
        async for attempt in retrying:
            with attempt:
                return await self._ask(query, at, seconds=max(0.001, ends - loop.time()))
        raise AssertionError("tenacity ends with a result or an error")

    async def _ask(self, query: str, at: float, *, seconds: float) -> list[Series]:
        limit = aiohttp.ClientTimeout(total=seconds, sock_connect=min(_CONNECT_SECONDS, seconds))
        try:
            asking = self._session.post(
                self._url,
                data={"query": query, "time": f"{at:.3f}"},
                headers=self._access.shown(),
                ssl=self._trust.context(),
                timeout=limit,
                allow_redirects=False,  # credentials are for this Prometheus alone
            )
            async with asking as response:
                raw = await _read(response)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise _PassingError(f"{type(error).__name__}: {error}") from error
        body = _json(raw)
        if response.status == 429 or response.status >= 500:
            wait = response.headers.get("Retry-After", "")
            seconds = float(wait) if wait.isascii() and wait.isdigit() else 0.0
            raise _PassingError(_problem(response.status, body), retry_after=seconds)
        if response.status != 200 or body is None:
            raise PrometheusError(_problem(response.status, body))
        _check_clock(response.headers, now=self._clock())
        return _parse(body)


def _pause(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    return _JITTER(state) + (error.retry_after if isinstance(error, _PassingError) else 0.0)


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The answer, which is read no further than it may be long.

    Raises:
        PrometheusError: when it is longer.
    """
    raw = bytearray()
    async for piece in response.content.iter_any():
        raw += piece
        if len(raw) > _MOST_BYTES:
            raise PrometheusError(f"an answer of more than {_MOST_BYTES >> 20} MiB")
    return bytes(raw)


def _check_clock(headers: Mapping[str, str], *, now: float) -> None:
    try:
        ahead = parsedate_to_datetime(headers["Date"]).timestamp() - now
    except (KeyError, ValueError, OverflowError):
        return
    if abs(ahead) > _CLOCKS_DIFFER:
        raise PrometheusError(f"its clock and the operator's differ by {abs(ahead):.0f} s")


def _json(raw: bytes) -> Any:
    """The answer, None where it is not JSON that anybody could have meant."""
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None


def _problem(status: int, body: Any) -> str:
    if body is None:
        return f"HTTP {status} with an answer that is not JSON"
    words = body.get("error") if isinstance(body, dict) else None
    return f"HTTP {status}: {str(words)[:_WORDS]}" if words else f"HTTP {status}"


def _parse(body: Any) -> list[Series]:
    try:
        if body["status"] != "success" or body.get("warnings"):
            raise PrometheusError(str(body.get("error") or body.get("warnings"))[:_WORDS])
        data = body["data"]
        if data["resultType"] != "matrix":
            raise PrometheusError(f"a {data['resultType']} where a matrix was asked for")
        return [_series(series["metric"], series["values"]) for series in data["result"]]
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise PrometheusError(f"an answer that is not Prometheus': {error}") from error


def _series(metric: Any, values: Any) -> Series:
    labels = dict(metric)
    samples = tuple((float(at), float(value)) for at, value in values)
    if not all(type(text) is str for text in labels.values()):
        raise TypeError("a label that is not text")
    if not all(math.isfinite(at) for at, _ in samples):
        raise ValueError("a sample of no time")
    return Series(labels=labels, samples=samples)
