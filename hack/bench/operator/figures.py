"""The figures of the benchmark, and what each must be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from hack.bench.figures import Bound, Figures, judged, p99, rounded
from hack.bench.operator.parts import Load, Rollback

BOUNDS: Mapping[str, Bound] = {
    "sample_to_zero_p99_s": Bound(most=0.25),
    "sample_to_zero_1000_p99_s": Bound(most=1),
    "rollouts_1000_rss_mb": Bound(most=300),
    "rollouts_1000_cores": Bound(most=1),
    "rollouts_1000_api_writes_per_s": Bound(most=45),
    "idle_10000_calls_per_min": Bound(most=0),
    "idle_10000_rss_mb": Bound(most=500),
    "failover_s": Bound(most=15),
    "reconcile_100_p99_s": Bound(most=2),
}


@dataclass(slots=True)
class Found:
    """What was measured so far; a part that failed leaves its own out."""

    reconcile_p99_s: float | None = None
    few: Sequence[Rollback] = ()
    many_load: Load | None = None
    many: Sequence[Rollback] = ()
    idle: Load | None = None
    failover_s: float | None = None
    failures: list[str] = field(default_factory=list)

    def loaded(self, load: Load) -> None:
        """Take note of what very many rollouts take."""
        self.many_load = load


def figures(found: Found) -> Figures:
    """Every figure; None for one that was not measured."""
    samples = [one.sample_to_zero_s for one in found.few]
    changes = [one.change_to_zero_s for one in found.few]
    many, idle = found.many_load, found.idle
    out: Figures = {
        "sample_to_zero_p50_s": median(samples) if samples else None,
        "sample_to_zero_p99_s": p99(samples),
        "sample_to_zero_1000_p99_s": p99([one.sample_to_zero_s for one in found.many]),
        "change_to_zero_p50_s": median(changes) if changes else None,
        "change_to_zero_max_s": max(changes, default=None),
        "rollouts_1000_rss_mb": many.rss_mb if many else None,
        "rollouts_1000_cores": many.cores if many else None,
        "rollouts_1000_api_writes_per_s": many.writes_per_s if many else None,
        "idle_10000_calls_per_min": idle.calls_per_s * 60 if idle else None,
        "idle_10000_rss_mb": idle.rss_mb if idle else None,
        "failover_s": found.failover_s,
        "reconcile_100_p99_s": found.reconcile_p99_s,
    }
    return rounded(out)


def shown(name: str, value: float | None) -> tuple[str, str, str]:
    """A figure as people read it: its value, what it must be, and whether it is."""
    return judged(value, BOUNDS.get(name))
