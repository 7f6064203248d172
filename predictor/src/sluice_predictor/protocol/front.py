"""The door of the server: every request passes here, and inference goes no further.

Inference is decoded, answered and counted here, exactly once, whatever becomes of it. Of the rest only the paths
that a predictor needs reach KServe's own application; its repository endpoints, which would let anyone unload the
model, and those it answers with a server error are not found.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence

from sluice_predictor.engine.worker import QueueFullError
from sluice_predictor.metrics import Metrics, Protocol, Traffic
from sluice_predictor.protocol import v1, v2
from sluice_predictor.protocol.errors import RequestError
from sluice_predictor.protocol.http import (
    App,
    ClientGoneError,
    Message,
    Receive,
    Response,
    Scope,
    Send,
    Target,
    header,
    inference_target,
    read_body,
)
from sluice_predictor.protocol.request import check_content_type
from sluice_predictor.tasks import Answer

_CLIENT_GONE = 499
_MAX_REQUEST_ID_CHARACTERS = 128

log = logging.getLogger(__name__)


class Front:
    """An ASGI application in front of KServe's."""

    def __init__(
        self,
        app: App,
        *,
        model: str,
        version: str,
        answer: Callable[[Sequence[str]], Awaitable[list[Answer]]],
        metrics: Metrics,
    ) -> None:
        """Stand in front of `app`.

        Args:
            app: answers health and metadata.
            model: the only model's name.
            version: its version, named in a header of every answer.
            answer: answers a request's texts; may raise QueueFullError or whatever the model raises.
            metrics: told of every inference request.
        """
        self._app = app
        self._model = model
        self._version = version
        self._answer = answer
        self._metrics = metrics
        self._draining = False
        self._ready_paths = {
            "/v2/health/ready",
            f"/v1/models/{model}",
            f"/v2/models/{model}/ready",
        }
        self._passed_paths = {
            "/",
            "/metrics",
            "/v1/models",
            "/v2",
            "/v2/health/live",
            "/v2/models",
            f"/v2/models/{model}",
            *self._ready_paths,
        }

    def drain(self) -> None:
        """Say not ready from now on and ask clients to connect elsewhere, but answer everything that still comes."""
        self._draining = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            raise NotImplementedError(f"ASGI {scope['type']}")
        stamped = self._stamp(scope, send)
        path = scope["path"]
        target = inference_target(path)
        if target is not None:
            await self._infer(target, scope, receive, stamped)
        elif path not in self._passed_paths:
            await Response.refusal(RequestError(404, f"no such path: {path[:200]}")).send(stamped)
        elif self._draining and path in self._ready_paths:
            await Response.refusal(RequestError(503, "the server is shutting down")).send(stamped)
        else:
            await self._app(scope, receive, stamped)

    def _stamp(self, scope: Scope, send: Send) -> Send:
        """Add the headers that every answer carries."""
        stamps = [(b"x-model-version", self._version.encode())]
        request_id = header(scope, b"x-request-id")
        if 0 < len(request_id) <= _MAX_REQUEST_ID_CHARACTERS:
            stamps.append((b"x-request-id", request_id.encode("latin-1")))
        if self._draining:
            stamps.append((b"connection", b"close"))

        async def stamped(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *stamps]
            await send(message)

        return stamped

    async def _infer(self, target: Target, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one inference request and count it, also when its client has gone or its task is cancelled."""
        started = time.perf_counter()
        traffic = Traffic.of(header(scope, b"x-sluice-traffic"))
        code = _CLIENT_GONE
        self._metrics.in_flight.inc()
        try:
            response = await self._respond(target, scope, receive, traffic)
            code = response.status
        except ClientGoneError:
            return
        finally:
            self._metrics.in_flight.dec()
            seconds = time.perf_counter() - started
            self._metrics.request(protocol=target.protocol, code=code, traffic=traffic, seconds=seconds)
        await response.send(send)

    async def _respond(self, target: Target, scope: Scope, receive: Receive, traffic: Traffic) -> Response:
        try:
            self._check_target(target, scope)
            body = await read_body(scope, receive)
            request = (v1 if target.protocol is Protocol.V1 else v2).decode(body)
            answers = await self._answer(request.texts)
        except RequestError as error:
            return Response.refusal(error)
        except QueueFullError as error:
            return Response.refusal(RequestError(503, str(error), retry_after=1))
        except ClientGoneError:
            raise
        except Exception as error:  # whatever the model raises is this request's failure, not the server's
            failure = f"the model failed on this input: {type(error).__name__}: {error}"
            log.warning("%s", failure)
            return Response.refusal(RequestError(500, failure))
        self._metrics.answers(answers, traffic=traffic)
        predictions = [answer.prediction for answer in answers]
        if target.protocol is Protocol.V1:
            return Response(status=200, body=v1.encode(predictions))
        request_id = header(scope, b"x-request-id")[:_MAX_REQUEST_ID_CHARACTERS] or str(uuid.uuid4())
        encoded = v2.encode(
            predictions, request=request, model=self._model, version=self._version, request_id=request_id
        )
        return Response(status=200, body=encoded)

    def _check_target(self, target: Target, scope: Scope) -> None:
        if target.model != self._model:
            raise RequestError(404, f"Model with name {target.model[:100]} does not exist.")
        if target.version is not None and target.version != self._version:
            raise RequestError(404, f"version {target.version[:100]} is not served here; this is {self._version}")
        if scope["method"] != "POST":
            raise RequestError(405, f"{scope['method'][:20]}: inference is asked for with POST")
        check_content_type(header(scope, b"content-type"))
