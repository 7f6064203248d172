"""What gRPC clients see: answers, statuses that say whose fault it was, and metadata at the end of both."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import grpc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceStub

from sluice_predictor.protocol.grpc_server import MAX_MESSAGE_BYTES, SERVICE, GrpcServer
from sluice_predictor.protocol.inference import Inference

Stub = GRPCInferenceServiceStub


@pytest.fixture
async def channel(inference: Inference) -> AsyncIterator[grpc.aio.Channel]:
    server = GrpcServer(inference, host="127.0.0.1", port=0)
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        yield channel
    await server.stop(seconds=0)


@pytest.fixture
def stub(channel: grpc.aio.Channel) -> Stub:
    return GRPCInferenceServiceStub(channel)


def request(*texts: str, model: str = "sms", version: str = "") -> pb.ModelInferRequest:
    contents = {"bytes_contents": [text.encode() for text in texts]}
    column = {"name": "text", "datatype": "BYTES", "shape": [len(texts)], "contents": contents}
    return pb.ModelInferRequest(model_name=model, model_version=version, inputs=[column], id="7")


async def refused(call: Awaitable[object]) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await call
    return refusal.value


async def test_a_text_is_answered_with_all_outputs(stub: Stub, counted) -> None:
    call = stub.ModelInfer(request("a", "b"), metadata=[("x-request-id", "r-1"), ("x-sluice-traffic", "shadow")])

    answer = await call

    assert (answer.model_name, answer.model_version, answer.id) == ("sms", "1.0.0", "7")
    assert {output.name: list(output.shape) for output in answer.outputs} == {
        "label": [2],
        "score": [2],
        "entities": [2],
    }
    assert answer.parameters["prediction_id"].string_param.endswith("~1.0.0~sms-pod-1")
    trailers = dict(await call.trailing_metadata())
    assert (trailers["x-model-version"], trailers["x-request-id"]) == ("1.0.0", "r-1")
    assert counted() == {("grpc", "200", "shadow"): 1}


REFUSALS = {
    "bad input": (request(), grpc.StatusCode.INVALID_ARGUMENT, "400", "invalid_input"),
    "another model": (request("a", model="other"), grpc.StatusCode.NOT_FOUND, "404", "unknown_model"),
    "another version": (request("a", version="2"), grpc.StatusCode.NOT_FOUND, "404", "unknown_version"),
    "a refused text": (request("long"), grpc.StatusCode.INVALID_ARGUMENT, "422", "refused_input"),
    "a failing model": (request("bad"), grpc.StatusCode.INTERNAL, "500", "model_failed"),
    "a failing server": (request("bug"), grpc.StatusCode.INTERNAL, "500", "internal_error"),
    "a full queue": (request("full"), grpc.StatusCode.RESOURCE_EXHAUSTED, "503", "queue_full"),
    "a lost engine": (request("lost"), grpc.StatusCode.UNAVAILABLE, "503", "engine_lost"),
    "a deadline": (request("late"), grpc.StatusCode.DEADLINE_EXCEEDED, "504", "deadline_exceeded"),
}


@pytest.mark.parametrize(("message", "status", "http", "word"), REFUSALS.values(), ids=REFUSALS.keys())
async def test_a_refusal_has_the_status_of_whose_fault_it_was(
    stub: Stub, counted, message: pb.ModelInferRequest, status: grpc.StatusCode, http: str, word: str
) -> None:
    refusal = await refused(stub.ModelInfer(message, metadata=[("x-request-id", "r-1")]))

    trailers = dict(refusal.trailing_metadata())
    assert refusal.code() is status
    assert refusal.details()
    assert (trailers["x-error-code"], trailers["x-model-version"], trailers["x-request-id"]) == (word, "1.0.0", "r-1")
    assert counted() == {("grpc", http, "live"): 1}


async def test_a_refusal_names_the_field(stub: Stub) -> None:
    refusal = await refused(stub.ModelInfer(request("long")))

    assert dict(refusal.trailing_metadata())["x-error-field"] == "inputs[0].contents.bytes_contents[0]"


async def test_a_message_that_is_too_large_is_refused(stub: Stub) -> None:
    refusal = await refused(stub.ModelInfer(request("a" * MAX_MESSAGE_BYTES)))

    assert refusal.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None)
@given(body=st.binary(max_size=100) | st.binary(max_size=50).map(lambda raw: raw_message(raw)))
def test_any_bytes_are_answered_or_the_clients_fault(ask: Callable[[bytes], grpc.StatusCode], body: bytes) -> None:
    assert ask(body) in (grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND)


def raw_message(raw: bytes) -> bytes:
    column = {"name": "text", "datatype": "BYTES", "shape": [1]}
    message = pb.ModelInferRequest(model_name="sms", inputs=[column], raw_input_contents=[raw])
    return message.SerializeToString()


@pytest.fixture
def ask(inference: Inference):
    """Send raw bytes as a message; return the status."""
    with asyncio.Runner() as runner:
        server = GrpcServer(inference, host="127.0.0.1", port=0)
        runner.run(server.start())
        channel = runner.run(_open(server.port))
        method = channel.unary_unary(f"/{SERVICE}/ModelInfer")

        async def call(body: bytes) -> grpc.StatusCode:
            return await method(body).code()

        yield lambda body: runner.run(call(body))
        runner.run(channel.close())
        runner.run(server.stop(seconds=0))


async def _open(port: int) -> grpc.aio.Channel:
    return grpc.aio.insecure_channel(f"127.0.0.1:{port}")


async def test_a_clients_deadline_reaches_the_engine(stub: Stub, engine) -> None:
    await stub.ModelInfer(request("a"), timeout=5)

    assert engine.seconds_left == pytest.approx(5, abs=1)


async def test_a_client_that_gives_up_takes_its_request_out_of_the_engine(stub: Stub, engine, counted) -> None:
    call = stub.ModelInfer(request("wait"))
    waiting = asyncio.ensure_future(call)
    await engine.waiting.wait()

    call.cancel()

    await engine.given_up.wait()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert counted() == {("grpc", "499", "live"): 1}


async def test_readiness_is_the_engines(stub: Stub, engine) -> None:
    ready = [
        (await stub.ServerReady(pb.ServerReadyRequest())).ready,
        (await stub.ModelReady(pb.ModelReadyRequest(name="sms"))).ready,
    ]
    engine.ready = False

    assert ready == [True, True]
    assert not (await stub.ServerReady(pb.ServerReadyRequest())).ready
    assert not (await stub.ModelReady(pb.ModelReadyRequest(name="sms"))).ready
    assert (await stub.ServerLive(pb.ServerLiveRequest())).live


async def test_while_draining_it_is_not_ready_but_answers(stub: Stub, inference: Inference) -> None:
    inference.drain()

    assert not (await stub.ServerReady(pb.ServerReadyRequest())).ready
    assert (await stub.ModelInfer(request("a"))).outputs


async def test_metadata_names_the_version_and_its_tensors(stub: Stub) -> None:
    server = await stub.ServerMetadata(pb.ServerMetadataRequest())
    model = await stub.ModelMetadata(pb.ModelMetadataRequest(name="sms"))

    assert server.name == "sluice-predictor"
    assert list(model.versions) == ["1.0.0"]
    assert [tensor.name for tensor in model.inputs] == ["text"]
    assert [(tensor.name, tensor.datatype) for tensor in model.outputs] == [
        ("label", "BYTES"),
        ("score", "FP32"),
        ("entities", "BYTES"),
    ]


@pytest.mark.parametrize("ask_for", ["ModelReady", "ModelMetadata"])
async def test_another_model_is_not_found(stub: Stub, ask_for: str) -> None:
    message = getattr(pb, f"{ask_for}Request")(name="other")

    assert (await refused(getattr(stub, ask_for)(message))).code() is grpc.StatusCode.NOT_FOUND


async def test_models_are_neither_loaded_nor_unloaded(stub: Stub) -> None:
    for call in (
        stub.RepositoryModelLoad(pb.RepositoryModelLoadRequest(model_name="sms")),
        stub.RepositoryModelUnload(pb.RepositoryModelUnloadRequest(model_name="sms")),
    ):
        assert (await refused(call)).code() is grpc.StatusCode.UNIMPLEMENTED


async def test_a_port_that_is_taken_is_an_error(inference: Inference) -> None:
    server = GrpcServer(inference, host="127.0.0.1", port=0)
    await server.start()

    with pytest.raises(RuntimeError):
        GrpcServer(inference, host="127.0.0.1", port=server.port)
    await server.stop(seconds=0)
