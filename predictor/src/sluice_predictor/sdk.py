"""The version as KServe's SDK sees it: its application answers health and metrics, and no inference."""

from __future__ import annotations

from typing import Any

from kserve import Model, ModelServer  # type: ignore[import-untyped]
from kserve.model_server import app  # type: ignore[import-untyped]
from kserve.protocol.dataplane import DataPlane  # type: ignore[import-untyped]
from kserve.protocol.rest.server import RESTServer  # type: ignore[import-untyped]

from sluice_predictor.engine import Engine


class VersionModel(Model):  # type: ignore[misc]  # the SDK has no types
    """The version that the engine has loaded."""

    def __init__(self, name: str, engine: Engine) -> None:
        """Give the engine's version a name."""
        super().__init__(name)
        self._engine = engine
        self.ready = True

    async def healthy(self) -> bool:
        """Whether a request would be answered now."""
        return self._engine.ready


def make_application(model: VersionModel, *, http_port: int) -> Any:
    """Return KServe's ASGI application for the only model; once in a process, as the application is a global."""
    server = ModelServer(http_port=http_port, enable_grpc=False, enable_latency_logging=False)
    server.register_model(model)
    data_plane = DataPlane(model_registry=server.registered_models)
    RESTServer("kserve.model_server:app", data_plane, server.model_repository_extension, http_port).create_application()
    return app
