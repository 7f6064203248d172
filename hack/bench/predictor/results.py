"""What one run of the load generator found, and what several runs of a server come to. Pure.

Latency is counted from when a request should have been sent, not from when it was: a generator that is kept waiting
by a slow server, or by a full machine, must not hide it.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median, quantiles

OK = 200
REFUSED = (429, 503)


@dataclass(frozen=True, slots=True)
class Hit:
    """One request: when it was sent and how long it took, in seconds; `code` is 0 without an answer."""

    place: int
    sent: float
    latency: float
    code: int


@dataclass(frozen=True, slots=True)
class Load:
    """One run against one server.

    Attributes:
        requests: All that were sent.
        sent_per_s: How many each second.
        ok_per_s: Requests answered 200 each second.
        codes: Requests by status; 0 stands for no answer.
        p50_ms: Median latency of those answered 200; None if there are none. p95_ms and p99_ms alike.
        refused_p99_ms: 99th percentile of the latency of 429 and 503.
        cpu_ms: The server's CPU time for each request.
        generator_cpu_ms: The generator's.
        foreign: CPU that others used meanwhile, in cores.
    """

    requests: int
    sent_per_s: float
    ok_per_s: float
    codes: Mapping[int, int]
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    refused_p99_ms: float | None
    cpu_ms: float = 0.0
    generator_cpu_ms: float = 0.0
    foreign: float = 0.0


def read_hits(lines: Iterable[str]) -> list[Hit]:
    """Read what `vegeta encode -to csv` writes."""
    return [
        Hit(place=int(row[8]), sent=int(row[0]) / 1e9, latency=int(row[2]) / 1e9, code=int(row[1]))
        for row in csv.reader(lines)
    ]


def scheduled(hits: Sequence[Hit], *, rate: float) -> list[Hit]:
    """Count each latency of an open loop from the moment at which its request was due."""
    began = min(hit.sent - hit.place / rate for hit in hits)
    return [
        Hit(place=hit.place, sent=due, latency=hit.sent + hit.latency - due, code=hit.code)
        for hit in hits
        for due in (began + hit.place / rate,)
    ]


def summarise(hits: Sequence[Hit]) -> Load:
    """Return rates and percentiles; there must be at least one hit.

    The rate is that of the time from the first request to the last, in which a closed loop keeps its concurrency.
    """
    starts = [hit.sent for hit in hits]
    began, ended = min(starts), max(starts)
    good = [hit for hit in hits if hit.code == OK]
    inside = sum(hit.sent + hit.latency <= ended for hit in good)
    latencies = [hit.latency for hit in good]
    return Load(
        requests=len(hits),
        sent_per_s=len(hits) / (ended - began) if ended > began else 0.0,
        ok_per_s=inside / (ended - began) if ended > began else 0.0,
        codes=dict(Counter(hit.code for hit in hits)),
        p50_ms=percentile_ms(latencies, 50),
        p95_ms=percentile_ms(latencies, 95),
        p99_ms=percentile_ms(latencies, 99),
        refused_p99_ms=percentile_ms([hit.latency for hit in hits if hit.code in REFUSED], 99),
    )


def percentile_ms(latencies: Sequence[float], percent: int) -> float | None:
    """A percentile of latencies in seconds, in milliseconds; None of none."""
    if not latencies:
        return None
    if len(latencies) == 1:
        return latencies[0] * 1000
    return quantiles(latencies, n=100, method="inclusive")[percent - 1] * 1000


@dataclass(frozen=True, slots=True)
class Row:
    """A server in one cell of the table: medians over the repeats.

    Attributes:
        cell: What was done, such as `minilm c8`.
        offered_per_s: Rate of an open loop; None for a closed one.
        sent_per_s: What was really sent: less, if the generator could not keep up.
        errors: Requests of all repeats that were neither answered 200 nor refused with 429 or 503.
        refused: Requests of all repeats that were refused.
        rss_mb: Memory after the load, as `memory.py` counts it; the greatest of the repeats.
        foreign: The greatest of the repeats.
        repeats_per_s: Each repeat's rate of right answers.
    """

    cell: str
    server: str
    offered_per_s: float | None
    sent_per_s: float
    ok_per_s: float
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    refused_p99_ms: float | None
    requests: int
    errors: int
    refused: int
    cpu_ms: float
    generator_cpu_ms: float
    rss_mb: float
    foreign: float
    repeats_per_s: Sequence[float]


def merge(
    loads: Sequence[Load],
    *,
    cell: str,
    server: str,
    rss_mb: float,
    offered_per_s: float | None = None,
) -> Row:
    """Return the medians of at least one run."""

    def middle(values: Iterable[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return round(median(known), 3) if known else None

    requests = sum(load.requests for load in loads)
    refused = sum(load.codes.get(code, 0) for load in loads for code in REFUSED)
    return Row(
        cell=cell,
        server=server,
        offered_per_s=None if offered_per_s is None else round(offered_per_s, 1),
        sent_per_s=round(median(load.sent_per_s for load in loads), 2),
        ok_per_s=round(median(load.ok_per_s for load in loads), 2),
        p50_ms=middle(load.p50_ms for load in loads),
        p95_ms=middle(load.p95_ms for load in loads),
        p99_ms=middle(load.p99_ms for load in loads),
        refused_p99_ms=middle(load.refused_p99_ms for load in loads),
        requests=requests,
        errors=requests - refused - sum(load.codes.get(OK, 0) for load in loads),
        refused=refused,
        cpu_ms=round(median(load.cpu_ms for load in loads), 3),
        generator_cpu_ms=round(median(load.generator_cpu_ms for load in loads), 3),
        rss_mb=round(rss_mb, 1),
        foreign=round(max(load.foreign for load in loads), 3),
        repeats_per_s=[round(load.ok_per_s, 1) for load in loads],
    )
