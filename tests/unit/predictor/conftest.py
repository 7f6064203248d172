"""The protocols' parts over an engine that answers at once, or does what a text tells it to."""

import asyncio
from collections.abc import Sequence

import pytest
from prometheus_client import CollectorRegistry

from sluice_predictor.engine.errors import (
    DeadlineExceededError,
    EngineLostError,
    InputError,
    ModelError,
    QueueFullError,
)
from sluice_predictor.metrics import Metrics
from sluice_predictor.protocol.inference import Identity, Inference
from sluice_predictor.tasks.base import Answer, Description, Output, Parameters

OUTPUTS = [Output("label", "BYTES"), Output("score", "FP32"), Output("entities", "BYTES")]

FAILURES = {
    "full": QueueFullError("512 texts are waiting already; try again later"),
    "lost": EngineLostError("the engine is being restarted"),
    "late": DeadlineExceededError("the request's time was up"),
    "bad": ModelError("the model failed on this input: IndexError: index out of range in self"),
    "long": InputError("600 tokens; at most 512 are taken", place=0),
    "deep": InputError("at most 3 labels", place=0, parameter="top_k"),
    "bug": KeyError("nobody expected this"),
}


class FakeEngine:
    """What a request's first text is decides: a key of FAILURES, `wait`, or anything else for an answer."""

    def __init__(self) -> None:
        self.ready = True
        self.full = False
        self.description = Description(engine="fake", precision="fp32", outputs=OUTPUTS, parameters=Parameters())
        self.parameters: Parameters | None = None
        self.seconds_left: float | None = None
        self.waiting = asyncio.Event()
        self.given_up = asyncio.Event()

    async def submit(self, texts: Sequence[str], *, parameters: Parameters, deadline: float | None) -> list[Answer]:
        self.parameters = parameters
        self.seconds_left = None if deadline is None else deadline - asyncio.get_running_loop().time()
        if texts[0] in FAILURES:
            raise FAILURES[texts[0]]
        if texts[0] == "wait":
            await self._wait()
        prediction = {"label": "debit", "score": 0.5, "entities": []}
        return [Answer(prediction=prediction, tokens=3, labels=[("debit", 0.5)]) for _ in texts]

    async def _wait(self) -> None:
        self.waiting.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.given_up.set()
            raise


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def inference(engine: FakeEngine, registry: CollectorRegistry) -> Inference:
    return Inference(
        engine,
        identity=Identity(model="sms", version="1.0.0", digest="sha256:00", instance="sms-pod-1"),
        metrics=Metrics(registry=registry, labels=["debit"]),
    )


@pytest.fixture
def counted(registry: CollectorRegistry):
    """Return the requests counted so far, without the zeros."""

    def read() -> dict[tuple[str, str, str], float]:
        return {
            (sample.labels["protocol"], sample.labels["code"], sample.labels["traffic"]): sample.value
            for metric in registry.collect()
            for sample in metric.samples
            if sample.name == "sluice_requests_total" and sample.value
        }

    return read
