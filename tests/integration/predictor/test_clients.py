"""KServe's own client works unchanged, and what is served is what was trained."""

from pathlib import Path

import httpx
import pytest
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig
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
