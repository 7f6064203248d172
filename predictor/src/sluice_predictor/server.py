"""The predictor's process: load one version, serve it, and leave without losing a request.

KServe's `ModelServer` provides health, metadata and `/metrics`; what it lacks stands in front of it. The port opens
when the version is loaded and warm. SIGTERM says not ready, goes on serving until the endpoints have heard of it,
then finishes what is in flight and exits.
"""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import prometheus_client
import uvicorn
from kserve import Model, ModelServer  # type: ignore[import-untyped]
from kserve.model_server import app as kserve_app  # type: ignore[import-untyped]
from kserve.protocol.dataplane import DataPlane  # type: ignore[import-untyped]
from kserve.protocol.rest.server import RESTServer  # type: ignore[import-untyped]

from sluice_predictor.artifact import Artifact, ArtifactError, open_artifact
from sluice_predictor.engine.worker import Worker
from sluice_predictor.metrics import Metrics
from sluice_predictor.protocol import v2
from sluice_predictor.protocol.front import Front
from sluice_predictor.tasks import Answer, load_task

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Settings:
    """What to serve and how; times are in seconds."""

    model_name: str
    model_dir: Path
    model_version: str | None
    digest: str | None
    http_port: int
    timeout_keep_alive: int
    event_loop: str
    lameduck: float
    drain: int


class VersionModel(Model):  # type: ignore[misc]  # the SDK has no types
    """The version as KServe's SDK sees it; ready from the end of `load` on."""

    def __init__(self, name: str, artifact: Artifact, metrics: Metrics) -> None:
        """Name a verified version; nothing is loaded yet."""
        super().__init__(name)
        self.artifact = artifact
        self._metrics = metrics
        self._worker: Worker

    def load(self) -> bool:
        """Load the version and run one forward pass.

        Raises:
            ArtifactError: a file's content is not usable; the message names it.
        """
        started = time.perf_counter()
        task = load_task(self.artifact)
        task.warm_up()
        self._worker = Worker(task.answer, observer=self._metrics)
        manifest = self.artifact.manifest
        self._metrics.loaded(
            model=self.name,
            version=manifest.version,
            digest=self.artifact.digest,
            engine=task.engine,
            precision=task.precision,
            seconds=time.perf_counter() - started,
        )
        self.ready = True
        return self.ready

    async def answer(self, texts: Sequence[str]) -> list[Answer]:
        """Answer a request's texts off the event loop.

        Raises:
            QueueFullError: too much is waiting.
        """
        return await self._worker.submit(texts)

    def get_input_types(self) -> list[dict[str, Any]]:
        return [{"name": v2.INPUT, "datatype": "BYTES", "shape": [-1]}]

    def get_output_types(self) -> list[dict[str, Any]]:
        return [{"name": name, "datatype": kind, "shape": [-1]} for name, kind in v2.OUTPUTS.items()]


class _DataPlane(DataPlane):  # type: ignore[misc]  # the SDK has no types
    def metadata(self) -> dict[str, Any]:
        # KServe's claims the repository extension, whose endpoints are closed here.
        return {**super().metadata(), "extensions": []}


class _Uvicorn(uvicorn.Server):
    """Uvicorn that goes on serving for a while after SIGTERM."""

    def __init__(self, config: uvicorn.Config, *, front: Front, lameduck: float) -> None:
        super().__init__(config)
        self._front = front
        self._lameduck = lameduck
        self._leave_at: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002  # the base class' signature
        if sig == signal.SIGTERM and self._leave_at is None:
            self._front.drain()
            self._leave_at = time.monotonic() + self._lameduck
        elif self.should_exit:
            self.force_exit = True
        else:
            self.should_exit = True

    async def on_tick(self, counter: int) -> bool:
        if self._leave_at is not None and time.monotonic() >= self._leave_at:
            self.should_exit = True
        return await super().on_tick(counter)


class PredictorServer(ModelServer):  # type: ignore[misc]  # the SDK has no types
    """KServe's server behind our front; it serves one model over REST."""

    def __init__(self, settings: Settings, *, metrics: Metrics) -> None:
        """Prepare to serve; nothing listens yet."""
        super().__init__(http_port=settings.http_port, enable_grpc=False, enable_latency_logging=False)
        self.dataplane = _DataPlane(model_registry=self.registered_models)
        self._settings = settings
        self._metrics = metrics

    def start(self, models: list[VersionModel]) -> None:
        """Serve the only model until a signal says to stop, then finish what is in flight."""
        (model,) = models
        self.register_model(model)
        RESTServer(
            "kserve.model_server:app", self.dataplane, self.model_repository_extension, self.http_port
        ).create_application()
        front = Front(
            kserve_app,
            model=model.name,
            version=model.artifact.manifest.version,
            answer=model.answer,
            metrics=self._metrics,
        )
        config = uvicorn.Config(
            front,
            host="0.0.0.0",  # noqa: S104  # a pod is reached at an address it does not know
            port=self.http_port,
            loop=self._settings.event_loop,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=self._settings.timeout_keep_alive,
            timeout_graceful_shutdown=self._settings.drain,
        )
        _Uvicorn(config, front=front, lameduck=self._settings.lameduck).run()


def serve(settings: Settings) -> None:
    """Verify, load and serve a version until told to stop.

    Raises:
        ArtifactError: the version cannot be served; the message is one line and names the file.
    """
    prometheus_client.disable_created_metrics()
    artifact = open_artifact(settings.model_dir, settings.digest)
    manifest = artifact.manifest
    if settings.model_version is not None and settings.model_version != manifest.version:
        raise ArtifactError(f"sluice.json: this is version {manifest.version}, {settings.model_version} was asked for")
    metrics = Metrics(registry=prometheus_client.REGISTRY, labels=manifest.labels)
    model = VersionModel(settings.model_name, artifact, metrics)
    model.load()
    log.info("serving %s %s, %s", model.name, manifest.version, artifact.digest)
    PredictorServer(settings, metrics=metrics).start([model])
