"""KServe's own clients work unchanged, and what is served is what was trained."""

from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import httpx
import numpy as np
import pytest
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.protocol.infer_type import RequestedOutput
from tokenizers import Tokenizer, models, pre_tokenizers

from examples.sms.model import (
    TASK,
    TextEntitiesConfig,
    TextEntitiesModel,
    load_tokenizer,
    predict,
)
from sluice_predictor.artifact import pack
from sluice_predictor.tasks import Item, load_task


async def test_kserves_client_speaks_v1(server) -> None:
    async with InferenceRESTClient(RESTConfig(protocol="v1")) as client:
        assert await client.is_server_live(server.url)
        assert await client.is_model_ready(server.url, "sms")
        answer = await client.infer(server.url, {"instances": ["w1"]}, model_name="sms")

    assert len(answer["predictions"]) == 1


async def test_kserves_client_speaks_v2(server) -> None:
    tensor = InferInput(name="text", shape=[2], datatype="BYTES", data=["w1", "w2"])
    request = InferRequest(model_name="sms", infer_inputs=[tensor], request_id="7")

    async with InferenceRESTClient(RESTConfig(protocol="v2")) as client:
        assert await client.is_server_ready(server.url)
        assert await client.is_model_ready(server.url, "sms")
        answer = await client.infer(server.url, request, model_name="sms")

    assert answer.id == "7"
    assert {output.name: output.shape for output in answer.outputs} == {"label": [2], "score": [2], "entities": [2]}


async def test_kserves_client_sends_and_gets_raw_bytes(server) -> None:
    texts = np.array(["w1", "w2 w3", "ẃ4"], dtype=np.object_)
    raw = InferInput(name="text", shape=[3], datatype="BYTES")
    raw.set_data_from_numpy(texts)
    plain = InferInput(name="text", shape=[3], datatype="BYTES", data=texts.tolist())
    outputs = [
        RequestedOutput("score", parameters={"binary_data": True}),
        RequestedOutput("label", parameters={"binary_data": False}),
    ]

    async with InferenceRESTClient(RESTConfig(protocol="v2")) as client:
        in_raw = InferRequest(model_name="sms", infer_inputs=[raw], request_outputs=outputs)
        all_raw = InferRequest(model_name="sms", infer_inputs=[raw], parameters={"binary_data_output": True})
        in_json = InferRequest(model_name="sms", infer_inputs=[plain])
        answers = [await client.infer(server.url, request, "sms") for request in (in_raw, all_raw, in_json)]

    labels, scores = zip(*(values(answer) for answer in answers), strict=True)
    assert labels[0] == labels[1] == labels[2]
    assert scores[0] == pytest.approx(scores[2])
    assert scores[1] == pytest.approx(scores[2])


@pytest.fixture
async def grpc_client(server) -> AsyncIterator[InferenceGRPCClient]:
    async with InferenceGRPCClient(server.grpc) as client:
        yield client


async def test_kserves_client_speaks_grpc(server, grpc_client: InferenceGRPCClient) -> None:
    texts = ["w1", "w2 w3", "ẃ4"]
    plain = InferInput(name="text", shape=[3], datatype="BYTES", data=list(texts))
    raw = InferInput(name="text", shape=[3], datatype="BYTES")
    raw.set_data_from_numpy(np.array(texts, dtype=np.object_))
    async with InferenceRESTClient(RESTConfig(protocol="v1")) as client:
        in_json = (await client.infer(server.url, {"instances": texts}, model_name="sms"))["predictions"]

    assert await grpc_client.is_server_live()
    assert await grpc_client.is_server_ready()
    assert await grpc_client.is_model_ready("sms")
    for tensor in (plain, raw):
        request = InferRequest(model_name="sms", infer_inputs=[tensor], request_id="7", parameters={"max_tokens": 64})
        answer = await grpc_client.infer(request, headers=[("x-request-id", "r-1")])
        labels, scores = values(answer)
        assert (answer.id, answer.model_version) == ("7", "1.0.0")
        assert labels == [prediction["label"] for prediction in in_json]
        assert scores == pytest.approx([prediction["score"] for prediction in in_json], abs=1e-5)
        assert "~1.0.0~" in answer.parameters["prediction_id"].string_param


async def test_kserves_grpc_client_is_told_of_bad_input(grpc_client: InferenceGRPCClient) -> None:
    tensor = InferInput(name="text", shape=[9], datatype="BYTES", data=["w1"])

    with pytest.raises(grpc.aio.AioRpcError, match="the number of texts in the tensor") as refusal:
        await grpc_client.infer(InferRequest(model_name="sms", infer_inputs=[tensor]))
    assert refusal.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def values(answer) -> tuple[list[str], list[float]]:
    """Labels and scores of an answer, however they came."""
    labels = answer.get_output_by_name("label").as_numpy().tolist()
    texts = [label.decode() if isinstance(label, bytes) else label for label in labels]
    return texts, answer.get_output_by_name("score").as_numpy().tolist()


async def test_kserves_client_is_told_of_bad_input(server) -> None:
    async with InferenceRESTClient(RESTConfig(protocol="v1")) as client:
        with pytest.raises(httpx.HTTPStatusError, match="instances: expected at least one text"):
            await client.infer(server.url, {"instances": []}, model_name="sms")


def test_the_server_answers_as_the_trained_model_does(tmp_path: Path) -> None:
    config = TextEntitiesConfig(
        vocab_size=50,
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=64,
        initializer_range=1.0,
        labels=["debit", "credit", "other"],
    )
    model = TextEntitiesModel(config).eval()
    tokenizer = Tokenizer(models.WordLevel({"?": 0} | {f"w{n}": n for n in range(1, 50)}, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    directory = tmp_path / "version"
    model.save_pretrained(directory)
    tokenizer.save(str(directory / "tokenizer.json"))
    artifact = pack(directory, model="sms", version="1", task=TASK, labels=config.labels)
    texts = ["w1 w2 w3", "", "w5 " * 100, " ".join(f"w{n}" for n in range(1, 40)), "unknown words"]

    trained = predict(model, load_tokenizer(directory, max_tokens=64), texts)
    served = [answer.prediction for answer in load_task(artifact).answer([Item(text) for text in texts])]
    alone = [answer.prediction for text in texts for answer in load_task(artifact).answer([Item(text)])]

    for expected, *others in zip(trained, served, alone, strict=True):
        for other in others:
            assert other["label"] == expected["label"]
            assert other["score"] == pytest.approx(expected["score"], abs=1e-5)
            assert [entity | {"score": 0} for entity in other["entities"]] == [
                entity | {"score": 0} for entity in expected["entities"]
            ]
