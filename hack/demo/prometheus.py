"""Raw samples of one model version from Prometheus: an instant query with a range selector gives them unthinned.

A range query would put the samples on its own grid; the scrape timestamps would be lost, and they are what is
asked for.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp

from hack.demo.breach import Series

Labels = Mapping[str, str]


class PrometheusError(Exception):
    """Prometheus could not be asked; the message says where and what it answered."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Counter series of what a gate calls bad and of all it looks at."""

    bad: Sequence[Series]
    total: Sequence[Series]


@dataclass(frozen=True, slots=True)
class Prometheus:
    """Asks for the live requests of one version since a moment (seconds since the epoch)."""

    url: str
    namespace: str
    model: str

    async def errors(self, version: str, *, since: float) -> Counts:
        """Requests that ended with a server's error, out of all."""
        found = await self._samples("sluice_requests_total", version, since=since)
        return Counts(
            bad=[series for labels, series in found if labels["code"].startswith("5")],
            total=[series for _, series in found],
        )

    async def slow(self, version: str, *, since: float, slower_than: float) -> Counts:
        """Requests that took longer than an edge of the histogram (seconds), out of all.

        Raises:
            PrometheusError: Prometheus cannot be asked, or the histogram has no such edge.
        """
        totals = await self._samples("sluice_request_duration_seconds_count", version, since=since)
        buckets = await self._samples("sluice_request_duration_seconds_bucket", version, since=since)
        fast = {_key(labels): dict(series) for labels, series in buckets if _same_edge(labels["le"], slower_than)}
        if totals and not fast:
            raise PrometheusError(f"sluice_request_duration_seconds has no bucket that ends at {slower_than} s")
        bad = [
            [(at, value - fast[_key(labels)][at]) for at, value in series if at in fast[_key(labels)]]
            for labels, series in totals
        ]
        return Counts(bad=bad, total=[series for _, series in totals])

    async def _samples(self, metric: str, version: str, *, since: float) -> list[tuple[Labels, Series]]:
        window = max(1, int(time.time() - since))
        selector = (
            f'{metric}{{namespace="{self.namespace}",sluice_model="{self.model}",'
            f'sluice_version="{version}",traffic="live"}}[{window}s]'
        )
        result = await self._query(selector)
        return [(one["metric"], [(float(at), float(value)) for at, value in one["values"]]) for one in result]

    async def _query(self, query: str) -> list[dict[str, Any]]:
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session,
                session.post(f"{self.url}/api/v1/query", data={"query": query}) as response,
            ):
                answer = await response.json()
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise PrometheusError(f"Prometheus at {self.url} does not answer: {error}") from error
        if answer["status"] != "success":
            raise PrometheusError(f"Prometheus refuses {query}: {answer.get('error', '')}")
        result: list[dict[str, Any]] = answer["data"]["result"]
        return result


def _key(labels: Labels) -> frozenset[tuple[str, str]]:
    return frozenset((name, value) for name, value in labels.items() if name not in ("__name__", "le"))


def _same_edge(edge: str, seconds: float) -> bool:
    return abs(float(edge) - seconds) < 1e-9
