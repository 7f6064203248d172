"""The server's process: verify one version, have the engine load it, serve it, and leave without losing a request.

The ports open when the version is loaded and warm. SIGTERM says not ready, goes on serving until the endpoints have
heard of it, then finishes what is in flight and exits.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
import time

import prometheus_client
import uvicorn

from sluice_predictor.artifact import Artifact, ArtifactError, open_artifact
from sluice_predictor.connections import Connection, HttpServer
from sluice_predictor.engine import Engine, StartOptions
from sluice_predictor.engine.cpus import usable_cpus
from sluice_predictor.engine.process import Process
from sluice_predictor.events import Origin, Publisher, Sink
from sluice_predictor.metrics import Metrics
from sluice_predictor.protocol.front import Front
from sluice_predictor.protocol.grpc_server import GrpcServer
from sluice_predictor.protocol.inference import Identity, Inference
from sluice_predictor.sdk import VersionModel, make_application
from sluice_predictor.settings import Settings

_STUCK_AFTER = 60.0
_EVENT_SECONDS = 2.0
_GIVING_UP_SECONDS = 1
"""How long those may take to hear of it who have no answer when the time to drain is over."""

log = logging.getLogger(__name__)


class PortError(Exception):
    """A port cannot be listened at; the message is one line and names it."""


def serve(settings: Settings, *, process: Process) -> None:
    """Verify, load and serve a version until told to stop.

    Args:
        settings: what to serve and how.
        process: the engine's, started already.

    Raises:
        ArtifactError: the directory is not the version; the message is one line and names the file.
        EngineFailedError: the version cannot be loaded, or the engine cannot be started any more.
        PortError: a port is taken.
    """
    _allow_many_connections()
    prometheus_client.disable_created_metrics()
    loop_factory = uvicorn.Config("", loop=settings.event_loop, log_config=None).get_loop_factory()
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(_serve(settings, process))


async def _serve(settings: Settings, process: Process) -> None:
    started = time.perf_counter()
    artifact = _verify(settings)
    metrics = Metrics(registry=prometheus_client.REGISTRY, labels=artifact.manifest.labels)
    options = StartOptions(
        precision=settings.precision,
        threads=usable_cpus(),
        stuck_after=max(_STUCK_AFTER, 2 * settings.request_timeout),
        process=process,
    )
    engine = Engine(options=options, observer=metrics, max_waiting_texts=settings.max_waiting)
    await engine.start(artifact, verify_again=lambda: _verify(settings))
    try:
        metrics.loaded(
            model=settings.model_name,
            version=artifact.manifest.version,
            digest=artifact.digest,
            engine=engine.description.engine,
            precision=engine.description.precision,
            seconds=time.perf_counter() - started,
        )
        await _serve_engine(settings, artifact, engine, metrics)
    finally:
        await engine.close()


async def _serve_engine(settings: Settings, artifact: Artifact, engine: Engine, metrics: Metrics) -> None:
    """Serve what the engine has loaded until a signal says to stop, or the engine fails for good."""
    identity = Identity(
        model=settings.model_name,
        version=artifact.manifest.version,
        digest=artifact.digest,
        instance=socket.gethostname(),
    )
    publisher = None if settings.events is None else _publish(settings.events, identity, metrics)
    inference = Inference(
        engine,
        identity=identity,
        metrics=metrics,
        publisher=publisher,
        request_seconds=settings.request_timeout,
        log_requests=settings.log_requests,
    )
    application = make_application(VersionModel(identity.model, engine), http_port=settings.http_port)
    front = Front(application, inference, calibration=artifact.manifest.calibration)
    listener = _listen(settings.http_port)
    grpc = None if settings.grpc_port is None else await _serve_grpc(inference, port=settings.grpc_port)

    async def finish() -> None:
        reason = "the server has shut down; ask another"
        asyncio.get_running_loop().call_later(settings.drain, engine.give_up, reason)
        if grpc is not None:
            await grpc.stop(seconds=settings.drain + _GIVING_UP_SECONDS)

    http = HttpServer(
        _uvicorn_config(settings, front),
        lameduck=settings.lameduck,
        on_leaving=inference.drain,
        on_closing=finish,
    )
    log.info("serving %s %s, %s", identity.model, identity.version, identity.digest)
    try:
        await _until_told(http, engine, listener)
    finally:
        if publisher is not None:
            await publisher.close(seconds=_EVENT_SECONDS)


async def _until_told(http: HttpServer, engine: Engine, listener: socket.socket) -> None:
    serving = asyncio.create_task(http.serve(sockets=[listener]))
    failing = asyncio.create_task(engine.failed())
    try:
        await asyncio.wait({serving, failing}, return_when=asyncio.FIRST_COMPLETED)
        await (failing if failing.done() else serving)
    finally:
        serving.cancel()
        failing.cancel()


def _verify(settings: Settings) -> Artifact:
    artifact = open_artifact(settings.model_dir, settings.digest)
    version = artifact.manifest.version
    if settings.model_version not in (None, version):
        raise ArtifactError(f"sluice.json: this is version {version}, {settings.model_version} was asked for")
    return artifact


def _publish(sink: Sink, identity: Identity, metrics: Metrics) -> Publisher:
    origin = Origin(model=identity.model, version=identity.version, digest=identity.digest)
    publisher = Publisher(sink, origin=origin, observer=metrics)
    publisher.start()
    return publisher


def _listen(port: int) -> socket.socket:
    """Take connections over IPv6 and IPv4, whichever the pod has."""
    try:
        if socket.has_dualstack_ipv6():
            return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
        return socket.create_server(("", port))
    except OSError as error:
        raise PortError(f"port {port}: {error.strerror}") from error


async def _serve_grpc(inference: Inference, *, port: int) -> GrpcServer:
    try:
        server = GrpcServer(inference, port=port)
    except RuntimeError as error:
        raise PortError(f"port {port}: gRPC cannot listen there") from error
    await server.start()
    return server


def _uvicorn_config(settings: Settings, front: Front) -> uvicorn.Config:
    return uvicorn.Config(
        front,
        http=Connection,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=settings.timeout_keep_alive,
        timeout_graceful_shutdown=settings.drain + _GIVING_UP_SECONDS,
    )


def _allow_many_connections() -> None:
    """Let the process open as many files as it may; the default of a shell or a container can be as low as 1,024."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
