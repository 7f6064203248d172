"""The gRPC server: KServe's own service, on the event loop of the HTTP server.

Every answer ends with the metadata `x-model-version` and the client's `x-request-id`, a refusal also with
`x-error-code` and `x-error-field`. Models are neither loaded nor unloaded: the server has the one it was
given. Messages are parsed here and not by gRPC, which takes one that cannot be parsed for a fault of the server.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import grpc  # type: ignore[import-untyped]
from google.protobuf.message import DecodeError, Message  # type: ignore[import-untyped]
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb  # type: ignore[import-untyped]

from sluice_predictor.metrics import Protocol, Traffic
from sluice_predictor.protocol import rpc
from sluice_predictor.protocol.errors import RequestError
from sluice_predictor.protocol.http import valid_request_id
from sluice_predictor.protocol.inference import Call, Inference
from sluice_predictor.protocol.metadata import model_metadata, server_metadata

SERVICE = "inference.GRPCInferenceService"
MAX_MESSAGE_BYTES = 1 << 20
"""A message of a million empty tensors takes forty times its size in memory."""

_MAX_STREAMS = 256
_MAX_CALLS = 2048
_CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    404: grpc.StatusCode.NOT_FOUND,
    422: grpc.StatusCode.INVALID_ARGUMENT,
    500: grpc.StatusCode.INTERNAL,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}
_CODES_BY_WORD = {
    # Not UNAVAILABLE, on which KServe's client asks again within a tenth of a second.
    "queue_full": grpc.StatusCode.RESOURCE_EXHAUSTED,
}

Context: TypeAlias = grpc.aio.ServicerContext
Method = Callable[[bytes, Context], Awaitable[Message]]


class GrpcServer:
    """Serves one version over gRPC."""

    def __init__(self, inference: Inference, *, host: str = "[::]", port: int) -> None:
        """Bind the port; nothing is answered before `start`.

        Args:
            inference: answers.
            host: address to listen at.
            port: 0 for any that is free.

        Raises:
            RuntimeError: the port is taken.
        """
        self._server = grpc.aio.server(
            options=[
                ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
                ("grpc.max_concurrent_streams", _MAX_STREAMS),
                # Two servers on one port would share its clients without a word.
                ("grpc.so_reuseport", 0),
            ],
            maximum_concurrent_rpcs=_MAX_CALLS,
        )
        self._server.add_generic_rpc_handlers((_handlers(_Service(inference)),))
        self.port = self._server.add_insecure_port(f"{host}:{port}")

    async def start(self) -> None:
        """Begin to answer."""
        await self._server.start()

    async def stop(self, *, seconds: float) -> None:
        """Take no new call, and cancel those that are not done after so many seconds."""
        await self._server.stop(seconds)


class _Service:
    def __init__(self, inference: Inference) -> None:
        self._inference = inference

    async def server_live(self, body: bytes, context: Context) -> Message:
        del body, context
        return pb.ServerLiveResponse(live=True)

    async def server_ready(self, body: bytes, context: Context) -> Message:
        del body, context
        return pb.ServerReadyResponse(ready=self._inference.ready)

    async def server_metadata(self, body: bytes, context: Context) -> Message:
        del body, context
        return pb.ServerMetadataResponse(**server_metadata())

    async def model_ready(self, body: bytes, context: Context) -> Message:
        message = _parse(pb.ModelReadyRequest, body)
        self._check_model(message.name, message.version)
        del context
        return pb.ModelReadyResponse(ready=self._inference.ready)

    async def model_metadata(self, body: bytes, context: Context) -> Message:
        message = _parse(pb.ModelMetadataRequest, body)
        self._check_model(message.name, message.version)
        del context
        return pb.ModelMetadataResponse(**model_metadata(self._inference))

    async def model_infer(self, body: bytes, context: Context) -> Message:
        """Answer one inference request and count it, also when its client has gone."""
        metadata = _metadata(context)
        name = self._inference.new_id()
        call = Call(
            traffic=Traffic.of(metadata.get("x-sluice-traffic", "")),
            request_id=valid_request_id(metadata.get("x-request-id", "")) or name,
            prediction_id=name,
            deadline=self._deadline(context),
        )
        with self._inference.counted(Protocol.GRPC, call) as counted:
            try:
                answer = await self._infer(_parse(pb.ModelInferRequest, body), call)
            except RequestError as error:
                counted.code = error.status
                raise
            counted.code = 200
            return answer

    async def _infer(self, message: pb.ModelInferRequest, call: Call) -> Message:
        self._check_model(message.model_name, message.model_version)
        outputs = self._inference.description.outputs
        request = rpc.decode(message, outputs=outputs)
        answers = await self._inference.answer(request, call)
        identity = self._inference.identity
        head = {
            "model_name": identity.model,
            "model_version": identity.version,
            "id": request.id or call.request_id,
        }
        return rpc.encode(answers, request=request, outputs=outputs, head=head, prediction_id=call.prediction_id)

    def _check_model(self, name: str, version: str) -> None:
        identity = self._inference.identity
        if name != identity.model:
            raise RequestError(404, "unknown_model", f"Model with name {name[:100]} does not exist.")
        if version not in ("", identity.version):
            problem = f"version {version[:100]} is not served here; this is {identity.version}"
            raise RequestError(404, "unknown_version", problem)

    def _deadline(self, context: Context) -> float:
        remaining = context.time_remaining()
        longest = self._inference.request_seconds
        return asyncio.get_running_loop().time() + (longest if remaining is None else min(longest, remaining))

    def ending(self, method: Method) -> Callable[[bytes, Context], Awaitable[bytes]]:
        """Give a method's answers and refusals the metadata and the status they end with."""

        async def answer(body: bytes, context: Context) -> bytes:
            trailers = [("x-model-version", self._inference.identity.version)]
            request_id = valid_request_id(_metadata(context).get("x-request-id", ""))
            if request_id is not None:
                trailers.append(("x-request-id", request_id))
            try:
                message = await method(body, context)
            except RequestError as error:
                code = _CODES_BY_WORD.get(error.code, _CODES[error.status])
                await context.abort(code, error.message, (*trailers, *_error_trailers(error)))
            context.set_trailing_metadata(tuple(trailers))
            return bytes(message.SerializeToString())

        return answer


def _handlers(service: _Service) -> grpc.GenericRpcHandler:
    methods: dict[str, Method] = {
        "ServerLive": service.server_live,
        "ServerReady": service.server_ready,
        "ServerMetadata": service.server_metadata,
        "ModelReady": service.model_ready,
        "ModelMetadata": service.model_metadata,
        "ModelInfer": service.model_infer,
    }
    handlers = {name: grpc.unary_unary_rpc_method_handler(service.ending(method)) for name, method in methods.items()}
    return grpc.method_handlers_generic_handler(SERVICE, handlers)


def _parse(kind: Any, body: bytes) -> Any:
    try:
        return kind.FromString(body)
    except DecodeError as error:
        raise RequestError(400, "invalid_message", f"not a {kind.DESCRIPTOR.name}") from error


def _metadata(context: Context) -> dict[str, str]:
    return {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}


def _error_trailers(error: RequestError) -> list[tuple[str, str]]:
    trailers = [("x-error-code", error.code)]
    if error.field is not None and error.field.isascii() and error.field.isprintable():
        trailers.append(("x-error-field", error.field))
    return trailers
