"""Asking Prometheus, with one bounded wait for everything: what passes is asked again within it.

Only answers that are whole count: a partial answer or a warning is as good as none, because a gate must not judge on
half of the pods.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import msgspec
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
_MOST_BYTES_OF_ONE = 1024**2
"""An answer that must have one series has far less."""
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


class _Told(msgspec.Struct, gc=False):
    """A series as Prometheus tells it."""

    metric: dict[str, str]
    values: msgspec.Raw = msgspec.Raw(b"[]")
    """Read for each text once: most counters of a pod have never counted, and say so in the same words."""


class _Data(msgspec.Struct):
    result_type: str = msgspec.field(name="resultType")
    result: list[_Told]


class _Answer(msgspec.Struct):
    status: str = ""
    data: _Data | None = None
    error: Any = None
    warnings: Any = None


_ANSWER = msgspec.json.Decoder(_Answer)
_VALUES = msgspec.json.Decoder(list[tuple[float, str]])


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
        self._url = access.url.rstrip("/") + "/api/v1/"
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
        asked = {"query": query, "time": f"{at:.3f}"}
        async for attempt in retrying:
            with attempt:
                return await self._ask("query", asked, seconds=max(0.001, ends - loop.time()), most=_MOST_BYTES)
        raise AssertionError("tenacity ends with a result or an error")

    async def over_time(
        self, query: str, *, start: int, end: int, step: int, seconds: float, most: int = _MOST_BYTES_OF_ONE
    ) -> list[Series]:
        """What a query gives at each `step` from `start` to `end`, in Unix seconds. It is asked once.

        Prometheus is told to give up after as many seconds as are waited. The answer may have `most` bytes: as many as
        that of a query that gives one series.

        Raises:
            PrometheusError: when there is no whole answer in time.
        """
        asked = {"query": query, "start": str(start), "end": str(end), "step": str(step), "timeout": f"{seconds:.3f}"}
        return await self._ask("query_range", asked, seconds=seconds, most=most)

    async def _ask(self, path: str, asked: Mapping[str, str], *, seconds: float, most: int) -> list[Series]:
        limit = aiohttp.ClientTimeout(total=None, sock_connect=min(_CONNECT_SECONDS, seconds))
        try:
            asking = self._session.post(
                self._url + path,
                data=asked,
                headers=self._access.shown(),
                ssl=self._trust.context(),
                timeout=limit,
                allow_redirects=False,  # credentials are for this Prometheus alone
            )
            # Not aiohttp's own total: a cancellation that comes at the moment in which that is over gets lost.
            async with asyncio.timeout(seconds), asking as response:
                raw = await _read(response, most=most)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise _PassingError(f"{type(error).__name__}: {error}") from error
        answer = _read_answer(raw)
        if response.status == 429 or response.status >= 500:
            wait = response.headers.get("Retry-After", "")
            seconds = float(wait) if wait.isascii() and wait.isdigit() else 0.0
            raise _PassingError(_problem(response.status, answer), retry_after=seconds)
        if response.status != 200 or isinstance(answer, str):
            raise PrometheusError(_problem(response.status, answer))
        _check_clock(response.headers, now=self._clock())
        return _series(answer)


def _pause(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    return _JITTER(state) + (error.retry_after if isinstance(error, _PassingError) else 0.0)


async def _read(response: aiohttp.ClientResponse, *, most: int) -> bytearray:
    """The answer, which is read no further than it may be long.

    Raises:
        PrometheusError: when it is longer.
    """
    raw = bytearray()
    async for piece in response.content.iter_any():
        raw += piece
        if len(raw) > most:
            raise PrometheusError(f"an answer of more than {most >> 20} MiB")
    return raw


def _check_clock(headers: Mapping[str, str], *, now: float) -> None:
    try:
        ahead = parsedate_to_datetime(headers["Date"]).timestamp() - now
    except (KeyError, ValueError, OverflowError):
        return
    if abs(ahead) > _CLOCKS_DIFFER:
        raise PrometheusError(f"its clock and the operator's differ by {abs(ahead):.0f} s")


def _read_answer(raw: bytes | bytearray) -> _Answer | str:
    """The answer; what is wrong with it where it is none."""
    try:
        return _ANSWER.decode(raw)
    except msgspec.ValidationError as error:
        return f"an answer that is not Prometheus': {error}"
    except (msgspec.DecodeError, RecursionError):
        return "an answer that is not JSON"


def _problem(status: int, answer: _Answer | str) -> str:
    if isinstance(answer, str):
        return f"HTTP {status} with {answer}"
    return f"HTTP {status}: {str(answer.error)[:_WORDS]}" if answer.error else f"HTTP {status}"


def _series(answer: _Answer) -> list[Series]:
    """All series of an answer, which is used up by that: a thousand rollouts' need not be in memory twice."""
    data = answer.data
    if answer.status != "success" or answer.warnings or data is None:
        raise PrometheusError(str(answer.error or answer.warnings or "an answer without data")[:_WORDS])
    if data.result_type != "matrix":
        raise PrometheusError(f"a {data.result_type} where a matrix was asked for")
    samples: dict[bytes, tuple[tuple[float, float], ...]] = {}
    try:
        data.result.reverse()
        return [_of(data.result.pop(), samples) for _ in range(len(data.result))]
    except (ValueError, OverflowError, msgspec.DecodeError) as error:
        raise PrometheusError(f"an answer that is not Prometheus': {error}") from error


def _of(told: _Told, known: dict[bytes, tuple[tuple[float, float], ...]]) -> Series:
    text = bytes(told.values)
    samples = known.get(text)
    if samples is None:
        samples = known[text] = _samples(text)
    return Series(labels=told.metric, samples=samples)


def _samples(text: bytes) -> tuple[tuple[float, float], ...]:
    values = _VALUES.decode(text)
    if not values:
        raise ValueError("a series without samples")
    return tuple((at, float(value)) for at, value in values)
