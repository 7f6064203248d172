"""Encoders that transformers' own classes run: only with all of their tensors, only encoders, and no code."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from sluice_predictor.artifact import ArtifactError
from sluice_predictor.tasks import Item, load_task
from tests.integration.predictor.versions import LABELS, TEXTS, make_model, pack_with, save

CLASSIFIER = "AutoModelForSequenceClassification"


@pytest.fixture
def electra(tmp_path: Path) -> Path:
    save(make_model("electra", CLASSIFIER, labels=LABELS), tmp_path)
    return tmp_path


def pack(directory: Path, **options: Any) -> Any:
    return pack_with(directory, task="text-classification", labels=LABELS, **options)


def with_tensors(directory: Path, change: Any) -> None:
    tensors = load_file(directory / "model.safetensors")
    change(tensors)
    save_file(tensors, directory / "model.safetensors")


def with_config(directory: Path, **changes: object) -> None:
    path = directory / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def rename(tensors: dict[str, Any]) -> None:
    tensors["classifier.wrong.bias"] = tensors.pop("classifier.out_proj.bias")


def shorten(tensors: dict[str, Any]) -> None:
    tensors["classifier.out_proj.bias"] = tensors["classifier.out_proj.bias"][:2].clone()


def spoil(tensors: dict[str, Any]) -> None:
    tensors["classifier.out_proj.bias"][0] = float("nan")


def add(tensors: dict[str, Any]) -> None:
    tensors["generator.bias"] = tensors["classifier.out_proj.bias"].clone()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (rename, "tensor classifier.out_proj.bias is missing"),
        (shorten, "tensor classifier.out_proj.bias has shape (2,), config.json says (3,)"),
        (spoil, "tensor classifier.out_proj.bias holds a value that is not a finite number"),
        (add, "tensor generator.bias is not part of the model that config.json describes"),
    ],
)
def test_no_tensor_is_made_up_or_left_over(electra: Path, change: Any, message: str) -> None:
    with_tensors(electra, change)

    with pytest.raises(ArtifactError) as refusal:
        load_task(pack(electra))
    assert str(refusal.value) == f"model.safetensors: {message}"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"auto_map": {"AutoModel": "modeling.Evil"}}, "config.json: auto_map: "),
        ({"quantization_config": {"quant_method": "bitsandbytes"}}, "config.json: quantization_config: "),
        ({"model_type": "gpt2"}, "config.json: model_type: 'gpt2' is no encoder that this server knows"),
        ({"model_type": ["bert"]}, "config.json: model_type: \"['bert']\" is no encoder that this server knows"),
        ({"model_type": "bart"}, "config.json: model_type: 'bart' is a decoder here; only encoders are served"),
        ({"is_decoder": True}, "config.json: model_type: 'electra' is a decoder here; only encoders are served"),
        ({"hidden_size": -1}, "config.json: "),
        ({"num_attention_heads": "many"}, "config.json: "),
        ({"max_position_embeddings": 0}, "config.json: "),
        ({"model_type": "layoutlm"}, "model.safetensors: tensor "),
    ],
)
def test_a_configuration_that_is_no_servable_encoder_is_refused(electra: Path, changes: Any, message: str) -> None:
    with_config(electra, **changes)

    with pytest.raises(ArtifactError) as refusal:
        load_task(pack(electra))
    assert str(refusal.value).startswith(message)
    assert "\n" not in str(refusal.value)


def test_a_configuration_cannot_name_code_elsewhere(electra: Path) -> None:
    """Transformers would take these for the names of kernels to download."""
    with_config(electra, _attn_implementation="org/kernel", attn_implementation="org/kernel:evil")

    assert load_task(pack(electra)).description.engine == "transformers"


def test_a_task_of_its_own_needs_the_packed_encoder(electra: Path) -> None:
    artifact = pack_with(electra, task="text-entities", labels=LABELS)

    with pytest.raises(ArtifactError, match=r"config\.json: model_type: "):
        load_task(artifact)


def test_it_runs_in_float32_unless_bfloat16_is_asked_for(electra: Path) -> None:
    artifact = pack(electra)
    exact, rough = load_task(artifact), load_task(artifact, precision="bf16")

    assert (exact.description.precision, rough.description.precision) == ("fp32", "bf16")
    for one, other in zip(*(task.answer([Item(text) for text in TEXTS]) for task in (exact, rough)), strict=True):
        assert one.prediction != other.prediction
        assert one.prediction["score"] == pytest.approx(other.prediction["score"], abs=0.1)


def test_int8_is_refused_with_the_reason(electra: Path) -> None:
    with pytest.raises(ArtifactError, match=r"--precision=int8: config\.json describes no encoder of the BERT family"):
        load_task(pack(electra, texts=TEXTS), precision="int8")


def test_threads_may_ask_at_once(electra: Path) -> None:
    task = load_task(pack(electra))
    items = [Item(text) for text in TEXTS]
    alone = [answer.prediction for answer in task.answer(items)]

    with ThreadPoolExecutor(max_workers=4) as threads:
        answers = list(threads.map(lambda _: task.answer(items), range(32)))

    assert [[answer.prediction for answer in batch] for batch in answers] == [alone] * 32
