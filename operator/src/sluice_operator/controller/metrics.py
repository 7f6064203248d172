"""What the operator says of itself: the rollouts here, the machinery under controller-runtime's names."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from ..api.status import ModelVersionStatus, Phase
from ..rollout.transitions import stalled_by
from .notifications import Outcome
from .runtime_metrics import QueueMetrics, RuntimeMetrics

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


@dataclass(frozen=True, slots=True)
class _Shown:
    """What is shown of a version."""

    weight: int
    phase: Phase | None
    stalled_by: str | None


class _Versions(Collector):
    """What is shown of all versions, put into words when it is asked for: of ten thousand that takes little memory."""

    def __init__(self) -> None:
        self.shown: dict[tuple[str, str, str], _Shown] = {}
        """By namespace, model and version."""

    def collect(self) -> Iterator[Metric]:
        who = ["namespace", "model", "version"]
        weight = GaugeMetricFamily(
            "sluice_rollout_weight",
            "Percent of the requests that go to a version, as read back from the route.",
            labels=who,
        )
        phase = GaugeMetricFamily(
            "sluice_rollout_phase", "1 for the phase that a version is in.", labels=[*who, "phase"]
        )
        stalled = GaugeMetricFamily(
            "sluice_rollout_stalled",
            "1 while a version goes no further until somebody does something, by the reason of its condition Stalled.",
            labels=[*who, "reason"],
        )
        for version, shown in self.shown.items():
            weight.add_metric(version, shown.weight)
            if shown.phase is not None:
                phase.add_metric([*version, shown.phase], 1)
            if shown.stalled_by is not None:
                stalled.add_metric([*version, shown.stalled_by], 1)
        yield from (weight, phase, stalled)


class Metrics:
    """The operator's metrics, in a registry of their own."""

    def __init__(self) -> None:
        """Begin with every known label set at 0."""
        disable_created_metrics()
        self.registry = CollectorRegistry()
        self.runtime = RuntimeMetrics(self.registry)
        self.queue = QueueMetrics(self.registry)
        self.sample_to_route = Histogram(
            "sluice_rollout_sample_to_route_seconds",
            "Seconds from the answer of Prometheus that made a gate fail to the route written at weight 0.",
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._prometheus_up = Gauge(
            "sluice_prometheus_up",
            "1 unless the last question to a Prometheus had no whole answer; nothing is asked while nothing is judged. "
            "By the namespace that has it for its own; empty for the one of all others.",
            ["for_namespace"],
            registry=self.registry,
        )
        self._notifications = Counter(
            "sluice_notifications_total",
            "Notifications by destination and by what became of them: delivered, failed, or dropped: too many waited.",
            ["destination", "outcome"],
            registry=self.registry,
        )
        self._ledger_up = self._gauge(
            "sluice_ledger_up", "1 while the record takes entries and is the one that its checkpoint names."
        )
        self._ledger_lag = self._gauge(
            "sluice_ledger_lag_seconds", "Seconds since the oldest thing happened that is not recorded yet."
        )
        self._ledger_head = self._gauge("sluice_ledger_head_seq", "Records in the ledger, when it was last asked.")
        self._versions = _Versions()
        self.registry.register(self._versions)

    def _gauge(self, name: str, about: str) -> Gauge:
        return Gauge(name, about, registry=self.registry)

    def watch_ledger(self, *, up: Callable[[], bool], lag: Callable[[], float], head: Callable[[], int]) -> None:
        """Show how the record is, asked whenever the metrics are read."""
        self._ledger_up.set_function(up)
        self._ledger_lag.set_function(lag)
        self._ledger_head.set_function(head)

    def watch_prometheus(self, namespace: str, *, up: Callable[[], bool]) -> None:
        """Show whether the Prometheus of a namespace answers, asked whenever the metrics are read."""
        self._prometheus_up.labels(namespace).set_function(up)

    def has_destination(self, name: str) -> None:
        """Show a destination of notifications before there are any."""
        for outcome in Outcome:
            self._notifications.labels(name, outcome)

    def notified(self, destination: str, outcome: Outcome) -> None:
        """Count a notification."""
        self._notifications.labels(destination, outcome).inc()

    def show(self, *, namespace: str, model: str, version: str, status: ModelVersionStatus) -> None:
        """Show a version's weight and phase, and whether it is stalled."""
        self._versions.shown[namespace, model, version] = _Shown(
            weight=status.weight or 0, phase=status.phase, stalled_by=stalled_by(status)
        )

    def forget(self, *, namespace: str, model: str, version: str) -> None:
        """Forget a version that is gone."""
        self._versions.shown.pop((namespace, model, version), None)
