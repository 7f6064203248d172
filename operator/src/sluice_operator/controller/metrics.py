"""What the operator says of itself: the rollouts here, the machinery under controller-runtime's names."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Gauge, Histogram, disable_created_metrics

from ..api.modelversion import ModelVersionStatus, Phase
from ..rollout.transitions import stalled_by
from .runtime_metrics import QueueMetrics, RuntimeMetrics

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


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
        self.weight = Gauge(
            "sluice_rollout_weight",
            "Percent of the requests that go to a version, as read back from the route.",
            ["namespace", "model", "version"],
            registry=self.registry,
        )
        self.phase = Gauge(
            "sluice_rollout_phase",
            "1 for the phase that a version is in.",
            ["namespace", "model", "version", "phase"],
            registry=self.registry,
        )
        self.stalled = Gauge(
            "sluice_rollout_stalled",
            "1 while a version goes no further until somebody does something, by the reason of its condition Stalled.",
            ["namespace", "model", "version", "reason"],
            registry=self.registry,
        )
        self._shown: dict[tuple[str, str, str], tuple[Phase | None, str | None]] = {}

    def watch_prometheus(self, namespace: str, *, up: Callable[[], bool]) -> None:
        """Show whether the Prometheus of a namespace answers, asked whenever the metrics are read."""
        self._prometheus_up.labels(namespace).set_function(up)

    def show(self, *, namespace: str, model: str, version: str, status: ModelVersionStatus) -> None:
        """Show a version's weight and phase, and whether it is stalled."""
        who = (namespace, model, version)
        self.weight.labels(*who).set(status.weight or 0)
        shown = (status.phase, stalled_by(status))
        before = self._shown.get(who, (None, None))
        for gauge, old, new in zip((self.phase, self.stalled), before, shown, strict=True):
            if old is not None and old != new:
                gauge.remove(*who, old)
            if new is not None and old != new:
                gauge.labels(*who, new).set(1)
        self._shown[who] = shown

    def forget(self, *, namespace: str, model: str, version: str) -> None:
        """Forget a version that is gone."""
        who = (namespace, model, version)
        self.weight.remove(*who)
        for gauge, value in zip((self.phase, self.stalled), self._shown.pop(who, (None, None)), strict=True):
            if value is not None:
                gauge.remove(*who, value)
