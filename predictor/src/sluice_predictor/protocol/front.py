"""The door of the server: every HTTP request passes here, and inference goes no further.

Of the rest only the paths that a predictor needs reach KServe's own application; its repository endpoints, which
would let anyone unload the model, and those it answers with a server error are not found. Metadata, and that the engine
is not ready, are answered here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import orjson

from sluice_predictor.artifact import Calibration
from sluice_predictor.metrics import Protocol, Traffic
from sluice_predictor.protocol import v1, v2
from sluice_predictor.protocol.bodies import BodyReader
from sluice_predictor.protocol.errors import RequestError
from sluice_predictor.protocol.hangup import unless_client_goes
from sluice_predictor.protocol.http import (
    App,
    ClientGoneError,
    Header,
    Headers,
    Message,
    Receive,
    Response,
    Scope,
    Send,
    Target,
    header,
    inference_target,
    request_seconds,
    valid_request_id,
)
from sluice_predictor.protocol.inference import Call, Inference
from sluice_predictor.protocol.metadata import calibration_metadata, model_metadata, server_metadata
from sluice_predictor.protocol.request import InferenceRequest
from sluice_predictor.tasks.base import Answer

_BODY_SECONDS = 10.0


class Front:
    """An ASGI application in front of KServe's."""

    def __init__(
        self,
        app: App,
        inference: Inference,
        *,
        calibration: Calibration | None = None,
        body_seconds: float = _BODY_SECONDS,
    ) -> None:
        """Stand in front of `app`.

        Args:
            app: answers liveness and metrics, and says ready where we do not say otherwise.
            inference: answers everything else.
            calibration: what the version was made to answer, for who asks before it has traffic.
            body_seconds: longest time that a request's body may take to arrive.
        """
        self._app = app
        self._inference = inference
        self._bodies = BodyReader(seconds=body_seconds)
        model = inference.identity.model
        self._version_header = (b"x-model-version", inference.identity.version.encode())
        self._ready_paths = {"/v2/health/ready", f"/v1/models/{model}", f"/v2/models/{model}/ready"}
        self._model_path = f"/v2/models/{model}"
        self._calibration_path = f"{self._model_path}/calibration"
        self._calibration = calibration_metadata(inference.identity, calibration)
        self._open_paths = {
            "/",
            "/metrics",
            "/v1/models",
            "/v2",
            "/v2/health/live",
            "/v2/models",
            self._model_path,
            self._calibration_path,
            *self._ready_paths,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            raise NotImplementedError(f"ASGI {scope['type']}")
        headers = dict(scope["headers"])
        request_id = valid_request_id(header(headers, b"x-request-id"))
        target = inference_target(scope["path"])
        if target is not None:
            await self._infer(target, scope, headers, receive, send, request_id)
            return
        try:
            response = self._describe(scope, headers)
        except RequestError as error:
            response = Response.refusal(error, request_id=request_id or self._inference.new_id())
        if response is None:
            await self._app(scope, receive, self._stamped(send, self._stamps(request_id)))
        else:
            await response.send(send, receive, *self._stamps(request_id))

    def _describe(self, scope: Scope, headers: Headers) -> Response | None:
        """Answer metadata and what is no path of ours; None for what KServe answers."""
        path = scope["path"]
        if path not in self._open_paths or (path == self._calibration_path and not _asked_alone(headers)):
            raise RequestError(404, "unknown_path", f"no such path: {path[:200]}")
        if scope["method"] != "GET":
            problem = f"{scope['method'][:20]}: only GET is answered here"
            raise RequestError(405, "method_not_allowed", problem, allow="GET")
        if path in self._ready_paths and not self._inference.ready:
            reason = "the server is shutting down" if self._inference.draining else "the engine is being restarted"
            raise RequestError(503, "not_ready", reason, retry_after=1)
        if path == "/v2":
            return Response(status=200, body=orjson.dumps(server_metadata()))
        if path == self._model_path:
            return Response(status=200, body=orjson.dumps(model_metadata(self._inference)))
        if path == self._calibration_path:
            return Response(status=200, body=self._calibration)
        return None

    def _stamps(self, request_id: str | None) -> list[Header]:
        """Return the headers that every answer has."""
        stamps = [self._version_header]
        if request_id is not None:
            stamps.append((b"x-request-id", request_id.encode()))
        if self._inference.draining:
            stamps.append((b"connection", b"close"))
        return stamps

    @staticmethod
    def _stamped(send: Send, stamps: Sequence[Header]) -> Send:
        async def stamped(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *stamps]
            await send(message)

        return stamped

    async def _infer(
        self, target: Target, scope: Scope, headers: Headers, receive: Receive, send: Send, request_id: str | None
    ) -> None:
        """Answer one inference request and count it, also when its client has gone or its task is cancelled."""
        name = self._inference.new_id()
        call = Call(
            traffic=Traffic.of(header(headers, b"x-sluice-traffic")),
            request_id=request_id or name,
            prediction_id=name,
            deadline=asyncio.get_running_loop().time()
            + request_seconds(headers, longest=self._inference.request_seconds),
        )
        try:
            with self._inference.counted(target.protocol, call) as counted:
                try:
                    self._check_target(target, scope)
                    response = await self._respond(target, headers, receive, call)
                except RequestError as error:
                    response = Response.refusal(error, request_id=call.request_id)
                counted.code = response.status
        except ClientGoneError:
            return
        await response.send(send, receive, *self._stamps(request_id))

    async def _respond(self, target: Target, headers: Headers, receive: Receive, call: Call) -> Response:
        content_type = header(headers, b"content-type")
        if target.protocol is Protocol.V1:
            _check_content_type(content_type, "application/json")
            body = await self._bodies.read(headers, receive)
            self._inference.check_room()
            request = v1.decode(body)
            answers = await self._answer(request, call, receive)
            prediction_id = (b"x-prediction-id", call.prediction_id.encode())
            return Response(status=200, body=v1.encode(answers), headers=(prediction_id,))
        json_length = headers.get(v2.LENGTH_HEADER.encode())
        if json_length is None:
            _check_content_type(content_type, "application/json")
        else:
            _check_content_type(content_type, "application/json", "application/octet-stream")
        body = await self._bodies.read(headers, receive)
        self._inference.check_room()
        request = v2.decode(
            body,
            outputs=self._inference.description.outputs,
            json_length=None if json_length is None else json_length.decode("latin-1"),
        )
        answers = await self._answer(request, call, receive)
        return self._v2_response(request, answers, call)

    async def _answer(self, request: InferenceRequest, call: Call, receive: Receive) -> list[Answer]:
        return await unless_client_goes(self._inference.answer(request, call), receive)

    def _v2_response(self, request: InferenceRequest, answers: Sequence[Answer], call: Call) -> Response:
        head = {
            "model_name": self._inference.identity.model,
            "model_version": self._inference.identity.version,
            "id": request.id or call.request_id,
            "parameters": {"prediction_id": call.prediction_id},
        }
        outputs = self._inference.description.outputs
        body, json_length = v2.encode(answers, request=request, outputs=outputs, head=head)
        if json_length is None:
            return Response(status=200, body=body)
        length = (v2.LENGTH_HEADER.encode(), str(json_length).encode())
        return Response(status=200, body=body, headers=(length,), content_type=b"application/octet-stream")

    def _check_target(self, target: Target, scope: Scope) -> None:
        identity = self._inference.identity
        if target.model != identity.model:
            # The sentence is KServe's.
            raise RequestError(404, "unknown_model", f"Model with name {target.model[:100]} does not exist.")
        if target.version is not None and target.version != identity.version:
            problem = f"version {target.version[:100]} is not served here; this is {identity.version}"
            raise RequestError(404, "unknown_version", problem)
        if scope["method"] != "POST":
            problem = f"{scope['method'][:20]}: inference is asked for with POST"
            raise RequestError(405, "method_not_allowed", problem, allow="POST")


def _check_content_type(value: str, *accepted: str) -> None:
    """Accept a content type, or nothing said."""
    media_type = value.partition(";")[0].strip().lower()
    if media_type and media_type not in accepted:
        problem = f"content-type: expected {' or '.join(accepted)}, got {media_type[:100]}"
        raise RequestError(415, "unsupported_content_type", problem, field="content-type")


def _asked_alone(headers: Headers) -> bool:
    """Whether a request came to this server directly: what a version was calibrated with is not for its clients.

    The route takes the traffic header from them, and gives it only to those who ask for a version by its own header.
    """
    return Traffic.of(header(headers, b"x-sluice-traffic")) is Traffic.SYNTHETIC and b"x-sluice-version" not in headers
