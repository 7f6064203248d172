"""What the machinery says of itself, under controller-runtime's and client-go's names, so that existing boards work.

Every label set that is known beforehand begins at 0, so that rates have a beginning.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

CONTROLLER = "modelversion"
RESULTS = ("success", "error", "requeue_after")
_QUEUE = (CONTROLLER, CONTROLLER)
_QUEUE_LABELS = ["name", "controller"]
_QUEUE_BUCKETS = tuple(10.0**exponent for exponent in range(-8, 4))
_RECONCILE_BUCKETS = (
    *(0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0),
    *(1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 40, 50, 60),
)


class RuntimeMetrics:
    """Reconciles, the lease and requests to the API server."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register all of them."""
        self._registry = registry
        self._reconciles = Counter(
            "controller_runtime_reconcile_total",
            "Reconciles by result.",
            ["controller", "result"],
            registry=registry,
        )
        self._errors = Counter(
            "controller_runtime_reconcile_errors_total",
            "Reconciles that failed.",
            ["controller"],
            registry=registry,
        ).labels(CONTROLLER)
        self._seconds = Histogram(
            "controller_runtime_reconcile_time_seconds",
            "Seconds a reconcile took.",
            ["controller"],
            buckets=_RECONCILE_BUCKETS,
            registry=registry,
        ).labels(CONTROLLER)
        self._active = Gauge(
            "controller_runtime_active_workers",
            "Workers that are reconciling.",
            ["controller"],
            registry=registry,
        ).labels(CONTROLLER)
        self._workers = Gauge(
            "controller_runtime_max_concurrent_reconciles",
            "Workers.",
            ["controller"],
            registry=registry,
        ).labels(CONTROLLER)
        self._leading = Gauge(
            "leader_election_master_status",
            "1 while this process holds the lease.",
            ["name"],
            registry=registry,
        )
        self._requests = Counter(
            "rest_client_requests_total",
            "Requests to the API server by status; <error> where there was no answer.",
            ["code", "method", "host"],
            registry=registry,
        )
        for result in RESULTS:
            self._reconciles.labels(CONTROLLER, result)

    def has_workers(self, count: int) -> None:
        """Show how many reconciles there can be at once."""
        self._workers.set(count)

    @contextlib.contextmanager
    def reconciling(self) -> Iterator[None]:
        """Count and time a reconcile while the block runs."""
        with self._active.track_inprogress(), self._seconds.time():
            yield

    def reconciled(self, result: str) -> None:
        """Count a reconcile by its result, one of RESULTS."""
        self._reconciles.labels(CONTROLLER, result).inc()
        if result == "error":
            self._errors.inc()

    def watch_lease(self, name: str, *, holds: Callable[[], bool]) -> None:
        """Show a lease, asked whenever the metrics are read."""
        self._leading.labels(name).set_function(holds)

    def asked(self, *, host: str) -> Callable[[str, str], None]:
        """Who is to be told the method and the status of every request to a host."""
        return lambda method, code: self._requests.labels(code, method, host).inc()


class QueueMetrics:
    """The work queue; it is told of what happens there."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register all of them."""
        self._registry = registry
        self._adds = self._counter("adds", "Models that began to wait.")
        self._retries = self._counter("retries", "Models that failed and come again.")
        self._waited = self._histogram("queue_duration_seconds", "Seconds a model waited for a worker.")
        self._worked = self._histogram("work_duration_seconds", "Seconds a worker had a model.")
        self._depth = self._gauge("depth", "Models that wait for a worker.")
        self._unfinished = self._gauge("unfinished_work_seconds", "Seconds of all reconciles under way, together.")
        self._longest = self._gauge("longest_running_processor_seconds", "Seconds of the longest reconcile under way.")

    def watch(self, *, depth: Callable[[], int], working: Callable[[], Iterable[float]]) -> None:
        """Show a queue's state, asked whenever the metrics are read."""
        self._depth.set_function(depth)
        self._unfinished.set_function(lambda: sum(working()))
        self._longest.set_function(lambda: max(working(), default=0.0))

    def added(self) -> None:
        """Count a model that began to wait."""
        self._adds.inc()

    def taken(self, waited: float) -> None:
        """Count a wait that ended."""
        self._waited.observe(waited)

    def finished(self, worked: float) -> None:
        """Count a piece of work that ended."""
        self._worked.observe(worked)

    def retried(self) -> None:
        """Count a failure."""
        self._retries.inc()

    def _counter(self, name: str, about: str) -> Counter:
        return Counter(f"workqueue_{name}_total", about, _QUEUE_LABELS, registry=self._registry).labels(*_QUEUE)

    def _gauge(self, name: str, about: str) -> Gauge:
        return Gauge(f"workqueue_{name}", about, _QUEUE_LABELS, registry=self._registry).labels(*_QUEUE)

    def _histogram(self, name: str, about: str) -> Histogram:
        return Histogram(
            f"workqueue_{name}", about, _QUEUE_LABELS, buckets=_QUEUE_BUCKETS, registry=self._registry
        ).labels(*_QUEUE)
