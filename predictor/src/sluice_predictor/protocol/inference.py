"""What every protocol does with a decoded request: ask the engine, name the predictions, publish and count.

A request is counted exactly once, under the status that its client got, whatever becomes of it; with gRPC that is the
HTTP status of the same meaning. 499 stands for a client that did not wait.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from sluice_predictor.events import Publisher, Record
from sluice_predictor.metrics import Metrics, Traffic
from sluice_predictor.metrics import Protocol as Wire
from sluice_predictor.protocol.errors import queue_full, refusal
from sluice_predictor.protocol.ids import PredictionIds
from sluice_predictor.protocol.request import InferenceRequest
from sluice_predictor.tasks.base import Answer, Description, Parameters

CLIENT_GONE = 499

log = logging.getLogger(__name__)


class Engine(Protocol):
    """What is asked of the engine."""

    @property
    def description(self) -> Description:
        """What the version answers."""

    @property
    def ready(self) -> bool:
        """Whether a request would be answered now."""

    @property
    def full(self) -> bool:
        """Whether no request has any room in the queue."""

    async def submit(self, texts: Sequence[str], *, parameters: Parameters, deadline: float | None) -> list[Answer]:
        """Answer the texts of one request, in order; `deadline` is a time of the event loop."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who answers: `model` is the name in the URL, `instance` the pod's."""

    model: str
    version: str
    digest: str
    instance: str


@dataclass(frozen=True, slots=True)
class Call:
    """What a request brought beside its texts; `deadline` is a time of the event loop."""

    traffic: Traffic
    request_id: str
    prediction_id: str
    deadline: float


class Inference:
    """Answers decoded requests; one for all protocols of a server."""

    def __init__(
        self,
        engine: Engine,
        *,
        identity: Identity,
        metrics: Metrics,
        publisher: Publisher | None = None,
        request_seconds: float = 60.0,
        log_requests: bool = False,
    ) -> None:
        """Put the engine behind the protocols.

        Args:
            engine: started before the first request.
            identity: is named in every answer.
            metrics: told of every request.
            publisher: takes the prediction events, if there are to be any.
            request_seconds: longest time that a request may take.
            log_requests: write a line about each request, without what it asked.
        """
        self.identity = identity
        self.request_seconds = request_seconds
        self.draining = False
        self._engine = engine
        self._metrics = metrics
        self._publisher = publisher
        self._log_requests = log_requests
        self._ids = PredictionIds(version=identity.version, instance=identity.instance, clock=time.time)

    @property
    def ready(self) -> bool:
        """Whether new requests should come here."""
        return self._engine.ready and not self.draining

    @property
    def description(self) -> Description:
        """What the version answers."""
        return self._engine.description

    def drain(self) -> None:
        """Say not ready from now on, but answer everything that still comes."""
        self.draining = True

    def new_id(self) -> str:
        """Name a request's predictions."""
        return self._ids.next()

    def counted(self, wire: Wire, call: Call) -> Counted:
        """Count the request that the context manager's block answers, and log it if that is wished."""
        return Counted(self._metrics, wire=wire, call=call, log_requests=self._log_requests)

    def check_room(self) -> None:
        """Refuse a request before anybody looks at what it asks: under overload that is most of the work.

        Raises:
            RequestError: no request would be taken now.
        """
        if self._engine.full:
            raise queue_full()

    async def answer(self, request: InferenceRequest, call: Call) -> list[Answer]:
        """Answer a request's texts, in order.

        Raises:
            RequestError: what the client is told instead.
        """
        try:
            answers = await self._engine.submit(request.texts, parameters=request.parameters, deadline=call.deadline)
        except Exception as error:  # whatever the engine raises is this request's failure, not the server's
            raise refusal(error, request) from error
        self._metrics.answers(answers, traffic=call.traffic)
        if self._publisher is not None:
            self._publisher.publish(self._record(request, call, answers))
        return answers

    def _record(self, request: InferenceRequest, call: Call, answers: Sequence[Answer]) -> Record:
        return Record(
            prediction_id=call.prediction_id,
            request_id=request.id or call.request_id,
            time=time.time(),
            traffic=call.traffic,
            predictions=[(answer.labels, answer.tokens) for answer in answers],
        )


class Counted:
    """Counts one request when its block ends, under `code`: set it once the answer is known."""

    __slots__ = ("_call", "_log_requests", "_metrics", "_started", "_wire", "code")

    def __init__(self, metrics: Metrics, *, wire: Wire, call: Call, log_requests: bool) -> None:
        self._metrics = metrics
        self._wire = wire
        self._call = call
        self._log_requests = log_requests
        self._started = time.perf_counter()
        self.code = CLIENT_GONE

    def __enter__(self) -> Self:
        self._metrics.in_flight.inc()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._metrics.in_flight.dec()
        seconds = time.perf_counter() - self._started
        traffic = self._call.traffic
        self._metrics.request(protocol=self._wire, code=self.code, traffic=traffic, seconds=seconds)
        if self._log_requests:
            fields = {"protocol": self._wire, "code": self.code, "traffic": traffic, "seconds": round(seconds, 6)}
            log.info("request", extra={"requestId": self._call.request_id, **fields})
