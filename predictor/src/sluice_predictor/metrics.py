"""What the predictor tells Prometheus; the names and labels are a contract with whoever compares versions.

Every series whose labels are known beforehand exists from the first scrape with the value 0, so that the first error
is an increase and not the birth of a series, which a rate would miss. Label values are never taken from a client.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from enum import StrEnum
from itertools import islice

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from sluice_predictor.tasks import Answer

DURATION_EDGES = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
TOKEN_BINS = (8, 16, 32, 64, 128, 256, 512)
"""Upper edges, inclusive, of the bins in which the length of inputs is counted."""
MAX_LABELS = 100
"""Labels of the model that have a series of their own, in the manifest's order; the others share `OTHER_LABELS`."""
OTHER_LABELS = "(other)"

_BATCH_EDGES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_SCORE_EDGES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)
_EXPECTED_CODES = (200, 400, 422, 429, 500, 503, 504)


class Protocol(StrEnum):
    """How a request came."""

    V1 = "v1"
    V2 = "v2"
    GRPC = "grpc"


class Traffic(StrEnum):
    """Where a request comes from; only live traffic is evidence about a version."""

    LIVE = "live"
    SHADOW = "shadow"
    SYNTHETIC = "synthetic"

    @classmethod
    def of(cls, header: str) -> Traffic:
        """Read the header that the route sets; anything unknown is live."""
        return cls(header) if header in (cls.SHADOW, cls.SYNTHETIC) else cls.LIVE


def token_bin(tokens: int) -> str:
    """Return the upper edge of the bin that an input of this length falls in."""
    place = bisect_left(TOKEN_BINS, tokens)
    return str(TOKEN_BINS[place]) if place < len(TOKEN_BINS) else "+Inf"


class Metrics:
    """The predictor's collectors; its methods may be called from any thread."""

    def __init__(self, *, registry: CollectorRegistry, labels: Iterable[str]) -> None:
        """Register the collectors.

        Args:
            registry: what `/metrics` shows.
            labels: all that the model can answer.
        """
        self._requests = Counter(
            "sluice_requests", "Inference requests answered.", ["protocol", "code", "traffic"], registry=registry
        )
        self._duration = Histogram(
            "sluice_request_duration_seconds",
            "Time from an inference request's headers to its answer.",
            ["traffic"],
            buckets=DURATION_EDGES,
            registry=registry,
        )
        self.in_flight = Gauge(
            "sluice_requests_in_flight", "Inference requests that wait for their answer.", registry=registry
        )
        self._batch_size = Histogram(
            "sluice_batch_size", "Texts in one forward pass.", buckets=_BATCH_EDGES, registry=registry
        )
        self._queue_seconds = Histogram(
            "sluice_queue_seconds", "Time a request waited for a forward pass.", registry=registry
        )
        self._load_seconds = Gauge(
            "sluice_model_load_seconds", "Time to verify, load and warm up the version.", registry=registry
        )
        self._predictions = Counter(
            "sluice_predictions",
            "Labels that texts got; not those of synthetic traffic.",
            ["label"],
            registry=registry,
        )
        self._score = Histogram(
            "sluice_prediction_score",
            "Probability of a label that a text got.",
            buckets=_SCORE_EDGES,
            registry=registry,
        )
        self._input_bin = Counter(
            "sluice_input_bin",
            "Texts by a feature's bin, named by its upper edge.",
            ["feature", "bin"],
            registry=registry,
        )
        self._restarts = Counter(
            "sluice_engine_restarts", "Times the engine's process was lost and started again.", registry=registry
        )
        self._info = Gauge(
            "sluice_model_info",
            "The version that this process serves; always 1.",
            ["model", "version", "digest", "engine", "precision"],
            registry=registry,
        )
        self._events_sent = Counter("sluice_events_sent", "Prediction events delivered.", registry=registry)
        self._events_dropped = Counter(
            "sluice_events_dropped", "Prediction events lost: too many waited, or nobody took them.", registry=registry
        )
        self._start_at_zero(labels)

    def _start_at_zero(self, labels: Iterable[str]) -> None:
        # Kept, because to find a child anew takes longer than to count with it.
        self._by_outcome = {
            (protocol, code, Traffic.LIVE): self._requests.labels(protocol, str(code), Traffic.LIVE)
            for protocol in Protocol
            for code in _EXPECTED_CODES
        }
        self._by_traffic = {Traffic.LIVE: self._duration.labels(Traffic.LIVE)}
        self._by_label = {label: self._predictions.labels(label) for label in islice(labels, MAX_LABELS)}
        self._other_labels = self._predictions.labels(OTHER_LABELS)
        edges = (*map(str, TOKEN_BINS), "+Inf")
        self._by_bin = {edge: self._input_bin.labels("tokens", edge) for edge in edges}

    def loaded(self, *, model: str, version: str, digest: str, engine: str, precision: str, seconds: float) -> None:
        """Say which version this process serves and how long it took to load."""
        self._info.labels(model, version, digest, engine, precision).set(1)
        self._load_seconds.set(seconds)

    def request(self, *, protocol: Protocol, code: int, traffic: Traffic, seconds: float) -> None:
        """Count one inference request that has its answer."""
        outcome = (protocol, code, traffic)
        (self._by_outcome.get(outcome) or self._requests.labels(protocol, str(code), traffic)).inc()
        (self._by_traffic.get(traffic) or self._duration.labels(traffic)).observe(seconds)

    def answers(self, answers: Sequence[Answer], *, traffic: Traffic) -> None:
        """Count what the model saw and said."""
        if traffic is Traffic.SYNTHETIC:
            return
        for answer in answers:
            for label, score in answer.labels:
                self._by_label.get(label, self._other_labels).inc()
                self._score.observe(score)
            self._by_bin[token_bin(answer.tokens)].inc()

    def events_sent(self, events: int) -> None:
        """So many prediction events were taken by whom they are for."""
        self._events_sent.inc(events)

    def events_dropped(self, events: int) -> None:
        """So many prediction events will not be sent."""
        self._events_dropped.inc(events)

    def batch(self, texts: int) -> None:
        """A forward pass over this many texts begins."""
        self._batch_size.observe(texts)

    def waited(self, seconds: float) -> None:
        """A request began to leave the queue after this time."""
        self._queue_seconds.observe(seconds)

    def lost(self) -> None:
        """The engine's process is gone; another is started."""
        self._restarts.inc()
