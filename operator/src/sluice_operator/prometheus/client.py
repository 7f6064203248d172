"""Asking Prometheus, with a bounded wait and one repetition.

Only answers that are whole count: a partial answer or a warning is as good as none, because a gate must not judge on
half of the pods.
"""

import json
from dataclasses import dataclass
from typing import Any

import aiohttp
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential


class PrometheusError(Exception):
    """Prometheus did not answer, or not with what was asked."""


@dataclass(frozen=True, slots=True)
class Series:
    """One series of an answer."""

    labels: dict[str, str]
    samples: tuple[tuple[float, float], ...]
    """(Unix seconds, value), oldest first: raw samples, with the times at which they were scraped."""


class PrometheusClient:
    """The query API of one Prometheus."""

    def __init__(self, *, url: str, session: aiohttp.ClientSession, timeout: float = 4.0) -> None:
        """Ask the Prometheus at `url`, waiting `timeout` seconds at most for each answer."""
        self._url = url.rstrip("/") + "/api/v1/query"
        self._session = session
        self._timeout = aiohttp.ClientTimeout(total=timeout)

    async def matrix(self, query: str, *, at: float) -> list[Series]:
        """Raw samples of a range selector, evaluated at a moment in Unix seconds.

        Raises:
            PrometheusError: when there is no whole answer after two tries.
        """
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(PrometheusError),
            stop=stop_after_attempt(2),
            wait=wait_random_exponential(multiplier=0.1, max=0.5),
            reraise=True,
        )
        async for attempt in retrying:
            with attempt:
                return await self._ask(query, at)
        raise AssertionError("tenacity ends with a result or an error")

    async def _ask(self, query: str, at: float) -> list[Series]:
        form = {"query": query, "time": f"{at:.3f}"}
        try:
            async with self._session.post(self._url, data=form, timeout=self._timeout) as response:
                status, raw = response.status, await response.read()
            body = json.loads(raw)
        except json.JSONDecodeError as error:
            raise PrometheusError(f"HTTP {status} with an answer that is not JSON") from error
        except (aiohttp.ClientError, TimeoutError, OSError, UnicodeDecodeError) as error:
            raise PrometheusError(f"{type(error).__name__}: {error}") from error
        series = _parse(body)
        if status != 200:
            raise PrometheusError(f"HTTP {status}")
        return series


def _parse(body: Any) -> list[Series]:
    try:
        if body["status"] != "success" or body.get("warnings"):
            raise PrometheusError(str(body.get("error") or body.get("warnings"))[:200])
        data = body["data"]
        if data["resultType"] != "matrix":
            raise PrometheusError(f"a {data['resultType']} where a matrix was asked for")
        return [
            Series(
                labels=dict(series["metric"]),
                samples=tuple((float(at), float(value)) for at, value in series["values"]),
            )
            for series in data["result"]
        ]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise PrometheusError(f"an answer that is not Prometheus': {error}") from error
