"""The parts of the benchmark: what is done, and what is measured meanwhile.

Each part has a fresh stand. Times are of one machine's clock: when an answer had left the scripted Prometheus, and when
the API server had answered the write.
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hack.bench.errors import BenchError
from hack.bench.operator import audit
from hack.bench.operator.stand import Stand, named, standing
from hack.cluster.paths import Paths

STABLE, CANDIDATE = "1.0.0", "1.1.0"
_GATES: list[dict[str, Any]] = [
    {"name": "errors", "metric": "error-rate", "limit": {"above": 0.1, "checks": 1}},
    {"name": "slow", "metric": "latency", "slowerThan": "250ms", "limit": {"above": 0.05}},
]
_ANALYSIS = {"gates": _GATES}
_LONG = {"steps": [{"weight": 5, "hold": "2h"}], "analysis": _ANALYSIS}
_QUICK = {
    "steps": [{"weight": weight, "hold": "5s"} for weight in (5, 25, 50)],
    "probation": {"duration": "5s"},
    "analysis": _ANALYSIS,
}
_USUAL = {"steps": [{"weight": 5, "hold": "2m"}, {"weight": 25, "hold": "5m"}, {"weight": 50, "hold": "5m"}]}
_UNPACED = {"SLUICE_WRITES_PER_SECOND": "1000"}
_SILENCE_SECONDS = 40.0
_TIMED = "controller_runtime_reconcile_time_seconds_bucket"

Announce = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Rollback:
    """One version that broke.

    Attributes:
        rollouts: How many ran at the time.
        sample_to_zero_s: From the first answer of Prometheus that shows it to the route written at weight 0.
        change_to_zero_s: From the moment it broke, so with the wait for the next sample.
    """

    rollouts: int
    sample_to_zero_s: float
    change_to_zero_s: float


@dataclass(frozen=True, slots=True)
class Load:
    """What the operator took over a while.

    Attributes:
        seconds: How long it was.
        cores: CPU of its process, in cores.
        rss_mb: Most of its memory that was resident.
        calls_per_s: Calls to the API server, but watches and the lease.
        writes_per_s: Of these, those that change something.
    """

    seconds: float
    cores: float
    rss_mb: float
    calls_per_s: float
    writes_per_s: float


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much of everything."""

    concurrent: int = 100
    rollbacks: int = 200
    batch: int = 20
    many: int = 1000
    many_rollbacks: int = 200
    idle: int = 10_000
    failovers: int = 5
    window_s: float = 60.0


QUICK = Sizes(concurrent=10, rollbacks=6, batch=3, many=20, many_rollbacks=5, idle=50, failovers=1, window_s=10.0)


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the parts are played."""

    paths: Paths
    program: Path
    sizes: Sizes
    announce: Announce


async def reconcile_p99(stage: Stage) -> float:
    """The 99th percentile of the time a reconcile takes while so many rollouts go through all their steps."""
    models = _models(stage.sizes.concurrent)
    async with standing(stage.paths, stage.program, interval=1.0) as stand:
        await _all_serve(stand, models)
        before = stand.operator.metrics()
        await _roll_out(stand, models, _QUICK)
        await stand.all_reach(models, CANDIDATE, "Stable", seconds=300)
        return histogram_quantile(0.99, before, stand.operator.metrics())


async def rollbacks(stage: Stage) -> list[Rollback]:
    """Versions that break one by one, a few rollouts at a time, sampled every second."""
    found: list[Rollback] = []
    async with standing(stage.paths, stage.program, interval=1.0) as stand:
        models = _models(stage.sizes.rollbacks)
        await _all_serve(stand, models)
        for first in range(0, len(models), stage.sizes.batch):
            batch = models[first : first + stage.sizes.batch]
            await _roll_out(stand, batch, _LONG)
            await stand.all_reach(batch, CANDIDATE, "Canary", seconds=60)
            found += await _break(stand, batch, of=len(batch), pause=1.0)
            stage.announce(f"{len(found)} of {len(models)} versions taken back")
    return found


async def many_rollouts(stage: Stage, loaded: Callable[[Load], None]) -> list[Rollback]:
    """Very many rollouts at once, sampled every 5 s: how fast some of them are taken back.

    What they take is told to `loaded` as soon as it is known.
    """
    models = _models(stage.sizes.many)
    async with standing(stage.paths, stage.program, interval=5.0) as stand:
        await _all_serve(stand, models)
        stage.announce(f"{len(models)} models serve")
        await _roll_out(stand, models, {**_USUAL, "analysis": _ANALYSIS})
        await stand.all_reach(models, CANDIDATE, "Canary", seconds=900)
        stage.announce(f"{len(models)} rollouts run")
        loaded(await _measured(stand, stage.sizes.window_s))
        broken = random.Random(7).sample(models, stage.sizes.many_rollbacks)  # noqa: S311 - the same in every run
        return await _break(stand, broken, of=len(models), pause=0.5)


async def idle(stage: Stage) -> Load:
    """Very many versions with nothing to do, after a restart of the operator.

    They are made as fast as this machine can, not at the pace that an API server is spared with.
    """
    models = _models(stage.sizes.idle)
    async with standing(stage.paths, stage.program, interval=5.0, settings=_UNPACED) as stand:
        await _all_serve(stand, models)
        stage.announce(f"{len(models)} models serve")
        stand.operator.kill()
        stand.operator.start()
        await _until_quiet(stand)
        await _until_silent(stand)
        return await _measured(stand, stage.sizes.window_s)


async def failover(stage: Stage) -> float:
    """The longest time that nobody writes anything when the operator that leads is killed and a version breaks."""
    longest = 0.0
    models = _models(stage.sizes.failovers)
    async with standing(stage.paths, stage.program, interval=1.0) as stand:
        await _all_serve(stand, models)
        await _roll_out(stand, models, _LONG)
        await stand.all_reach(models, CANDIDATE, "Canary", seconds=60)
        leader, other = stand.operator, stand.second
        for model in models:
            other.start()
            await other.until_running()
            killed = time.time()
            leader.kill()
            stand.prometheus.break_version(model, CANDIDATE)
            await stand.all_reach([model], CANDIDATE, "RolledBack", seconds=60)
            longest = max(longest, audit.writes(audit.calls(stand.plane.audit_log, since=killed))[0].at - killed)
            leader, other = other, leader
    return longest


def _models(count: int) -> list[str]:
    return [f"model-{number:05}" for number in range(count)]


async def _all_serve(stand: Stand, models: Sequence[str]) -> None:
    await stand.apply(models, STABLE)
    await stand.all_reach(models, STABLE, "Stable", seconds=60 + len(models) / 3)


async def _roll_out(stand: Stand, models: Sequence[str], rollout: dict[str, Any]) -> None:
    for model in models:
        stand.prometheus.traffic(model, CANDIDATE)
    await stand.apply(models, CANDIDATE, rollout)


async def _break(stand: Stand, models: Sequence[str], *, of: int, pause: float) -> list[Rollback]:
    """Break versions one after the other, at moments that have nothing to do with the sampling."""
    moments = random.Random(3)  # noqa: S311 - the same in every run
    began = time.time()
    for model in models:
        await asyncio.sleep(moments.uniform(0, pause))
        stand.prometheus.break_version(model, CANDIDATE)
    await stand.all_reach(models, CANDIDATE, "RolledBack", seconds=120)
    calls = list(audit.calls(stand.plane.audit_log, since=began))
    return [_rollback(stand, model, calls, of=of) for model in models]


def _rollback(stand: Stand, model: str, calls: Sequence[audit.Call], *, of: int) -> Rollback:
    traffic = stand.prometheus.traffic(model, CANDIDATE)
    service = stand.observer.status(named(model, CANDIDATE))["inferenceService"]
    if traffic.broke_at is None or traffic.shown_at is None:
        raise BenchError(f"{model} was taken back before Prometheus had shown why")
    zero = audit.zero_at(calls, model=model, service=service, after=traffic.broke_at)
    if zero is None:
        raise BenchError(f"{model} was taken back and its route never written at 0")
    return Rollback(of, round(zero - traffic.shown_at, 4), round(zero - traffic.broke_at, 4))


async def _measured(stand: Stand, seconds: float) -> Load:
    """What the operator takes over so many seconds."""
    began, used, most = time.time(), stand.operator.cpu_seconds(), 0.0
    while time.time() < began + seconds:
        most = max(most, stand.operator.resident_mb())
        await asyncio.sleep(0.5)
    lasted, cores = time.time() - began, stand.operator.cpu_seconds() - used
    calls = list(audit.calls(stand.plane.audit_log, since=began))
    return Load(
        seconds=round(lasted, 1),
        cores=round(cores / lasted, 4),
        rss_mb=round(most, 1),
        calls_per_s=len(audit.restless(calls)) / lasted,
        writes_per_s=len(audit.writes(calls)) / lasted,
    )


async def _until_quiet(stand: Stand) -> None:
    """Wait until the operator has read everything and uses almost no CPU.

    Raises:
        BenchError: It does not come to rest.
    """
    ends = time.monotonic() + 300
    while time.monotonic() < ends:
        before = stand.operator.cpu_seconds()
        await asyncio.sleep(5)
        if stand.operator.is_ready() and stand.operator.cpu_seconds() - before < 0.5:
            return
    raise BenchError("the operator does not come to rest with nothing to do")


async def _until_silent(stand: Stand) -> None:
    """Wait until what a restart leaves to be done is done: the checkpoint of the record follows within half a minute.

    Raises:
        BenchError: It goes on calling.
    """
    ends = time.time() + 300
    while time.time() < ends:
        await asyncio.sleep(_SILENCE_SECONDS)
        calls = audit.calls(stand.plane.audit_log, since=time.time() - _SILENCE_SECONDS)
        if not audit.restless(calls):
            return
    raise BenchError("the operator goes on calling the API server with nothing to do")


def histogram_quantile(share: float, before: dict[str, float], after: dict[str, float]) -> float:
    """A quantile of what a histogram counted between two scrapes, as PromQL interpolates it.

    Raises:
        BenchError: It counted nothing.
    """
    counts = sorted(
        (float(series.partition('le="')[2].partition('"')[0]), value - before.get(series, 0.0))
        for series, value in after.items()
        if series.startswith(_TIMED)
    )
    if not counts or not counts[-1][1]:
        raise BenchError("the operator has timed no reconcile")
    rank, low, below = share * counts[-1][1], 0.0, 0.0
    for edge, count in counts:
        if count >= rank:
            return low if math.isinf(edge) else low + (edge - low) * (rank - below) / (count - below)
        low, below = edge, count
    raise AssertionError("the last bucket counts all")
