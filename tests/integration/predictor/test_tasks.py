"""Each task answers as transformers' own model does, whatever else is in the batch."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
import torch
from safetensors.torch import load_file, save_file

from sluice_predictor.artifact import ArtifactError
from sluice_predictor.tasks import Answer, InputProblem, Item, Parameters, load_task
from tests.integration.predictor.versions import LABELS, TAGS, TEXTS, expected, make_model, pack_with, save

CLASSIFIER, TAGGER, ENCODER = (
    "AutoModelForSequenceClassification",
    "AutoModelForTokenClassification",
    "AutoModel",
)
PACKED = ["bert", "roberta", "distilbert"]
OTHERS = ["electra", "albert", "mpnet", "deberta-v2", "modernbert", "convbert"]
"""Of the last, padding changes the states, so its texts must not be padded."""

MODERNBERT = {"bos_token_id": 2, "cls_token_id": 2, "eos_token_id": 3, "sep_token_id": 3}


def make(model_type: str, class_name: str, **options: Any) -> Any:
    return make_model(model_type, class_name, **options | (MODERNBERT if model_type == "modernbert" else {}))


def served(artifact: Any, *, precision: Any = "fp32") -> tuple[list[Any], list[Any]]:
    """Return the predictions for the texts together, and for each alone."""
    task = load_task(artifact, precision=precision)
    task.warm_up()
    together = task.answer([Item(text) for text in TEXTS])
    alone = [answer for text in TEXTS for answer in task.answer([Item(text)])]
    return [answer.prediction for answer in together], [answer.prediction for answer in alone]


@pytest.mark.parametrize("model_type", PACKED + OTHERS)
def test_the_best_label_of_a_text_is_named(tmp_path: Path, model_type: str) -> None:
    model = make(model_type, CLASSIFIER, labels=LABELS)
    tokenizer = save(model, tmp_path)
    artifact = pack_with(tmp_path, task="text-classification", labels=LABELS)

    for text, *answers in zip(TEXTS, *served(artifact), strict=True):
        probabilities = expected(model, tokenizer, text, lambda output: output.logits[0].softmax(dim=-1))
        for answer in answers:
            assert answer["label"] == LABELS[int(probabilities.argmax())]
            assert answer["score"] == pytest.approx(float(probabilities.max()), abs=1e-4)


@pytest.mark.parametrize("model_type", PACKED + OTHERS)
def test_a_text_is_given_a_vector_of_length_one(tmp_path: Path, model_type: str) -> None:
    model = make(model_type, ENCODER)
    tokenizer = save(model, tmp_path)
    artifact = pack_with(tmp_path, task="embeddings", labels=[])

    for text, *answers in zip(TEXTS, *served(artifact), strict=True):
        mean = expected(model, tokenizer, text, lambda output: output.last_hidden_state[0].mean(dim=0))
        vector = torch.nn.functional.normalize(mean, dim=0)
        for answer in answers:
            torch.testing.assert_close(torch.tensor(answer["embedding"]), vector, rtol=0, atol=1e-4)


@pytest.mark.parametrize("model_type", PACKED + OTHERS)
def test_the_entities_that_the_tags_spell_are_found(tmp_path: Path, model_type: str) -> None:
    model = make(model_type, TAGGER, labels=TAGS)
    tokenizer = save(model, tmp_path)
    artifact = pack_with(tmp_path, task="token-classification", labels=TAGS)
    together, alone = served(artifact)

    # A word is a token, so the last entity of a text without `I-` tags shows its score as it is.
    text = TEXTS[1]
    probabilities = expected(model, tokenizer, text, lambda output: output.logits[0, 1].softmax(dim=-1))
    best = int(probabilities.argmax())
    scores = [entity["score"] for entity in together[1]["entities"]]
    assert scores == ([] if best == 0 else [pytest.approx(float(probabilities[best]), abs=1e-4)])
    for one, other in zip(together, alone, strict=True):
        assert [entity | {"score": 0} for entity in one["entities"]] == [
            entity | {"score": 0} for entity in other["entities"]
        ]
    assert any(answer["entities"] for answer in together)


def test_several_labels_may_be_named_each_with_its_own_probability(tmp_path: Path) -> None:
    model = make("bert", CLASSIFIER, labels=LABELS, problem_type="multi_label_classification")
    tokenizer = save(model, tmp_path)
    artifact = pack_with(tmp_path, task="text-classification", labels=LABELS)

    for text, answer in zip(TEXTS, served(artifact)[0], strict=True):
        probabilities = expected(model, tokenizer, text, lambda output: output.logits[0].sigmoid())
        named = {label: float(p) for label, p in zip(LABELS, probabilities, strict=True) if p >= 0.5}
        assert {part["label"]: part["score"] for part in answer["labels"]} == pytest.approx(named, abs=1e-4)
        scores = [part["score"] for part in answer["labels"]]
        assert scores == sorted(scores, reverse=True)


def test_several_heads_share_one_pass(tmp_path: Path) -> None:
    heads = {"kind": ["debit", "credit"], "urgent": ["no", "yes", "unknown"]}
    model = make("bert", CLASSIFIER, labels=["a", "b", "c", "d", "e"])
    tokenizer = save(model, tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    weight, bias = tensors.pop("classifier.weight"), tensors.pop("classifier.bias")
    for name, rows in {"kind": slice(0, 2), "urgent": slice(2, 5)}.items():
        tensors |= {f"heads.{name}.weight": weight[rows].clone(), f"heads.{name}.bias": bias[rows].clone()}
    save_file(tensors, tmp_path / "model.safetensors")
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"heads": heads}))
    labels = [f"{head}/{name}" for head, names in heads.items() for name in names]
    artifact = pack_with(tmp_path, task="text-classification", labels=labels)

    for text, answer in zip(TEXTS, served(artifact)[0], strict=True):
        logits = expected(model, tokenizer, text, lambda output: output.logits[0])
        for (head, names), part in zip(heads.items(), logits.split([2, 3]), strict=True):
            assert answer["heads"][head]["label"] == names[int(part.argmax())]
            assert answer["heads"][head]["score"] == pytest.approx(float(part.softmax(dim=-1).max()), abs=1e-4)


def test_the_manifest_sets_what_requests_leave_open(tmp_path: Path) -> None:
    save(make("bert", CLASSIFIER, labels=LABELS), tmp_path)
    defaults = {"top_k": 2, "truncation": False, "max_tokens": 8}
    task = load_task(pack_with(tmp_path, task="text-classification", labels=LABELS, parameters=defaults))

    short, long = task.answer([Item("w1 w2"), Item("w1 " * 20)])
    (other,) = task.answer([Item("w1 " * 20, Parameters(truncation=True, top_k=3))])

    assert task.description.parameters == Parameters(truncation=False, max_tokens=8, top_k=2)
    assert isinstance(short, Answer)
    assert len(short.prediction["labels"]) == 2
    assert isinstance(long, InputProblem)
    assert long.message == "the text has 22 tokens; at most 8 can be read, and truncation is off"
    assert isinstance(other, Answer)
    assert (other.tokens, len(other.prediction["labels"])) == (8, 3)


def test_a_default_that_the_task_does_not_have_is_refused(tmp_path: Path) -> None:
    save(make("bert", ENCODER), tmp_path)
    artifact = pack_with(tmp_path, task="embeddings", labels=[], parameters={"top_k": 2})

    with pytest.raises(ArtifactError, match=r"sluice\.json: parameters\.top_k: this model's task has no top_k"):
        load_task(artifact)


def test_both_protocols_give_the_labels_that_are_asked_for(tmp_path: Path, serve) -> None:
    save(make("bert", CLASSIFIER, labels=LABELS), tmp_path)
    server = serve(pack_with(tmp_path, task="text-classification", labels=LABELS))
    tensor = {"name": "text", "datatype": "BYTES", "shape": [1], "data": ["w1"]}

    def ask(**parameters: int) -> tuple[dict[str, Any], dict[str, Any]]:
        bodies = {"v1/models/sms:predict": {"instances": ["w1"]}, "v2/models/sms/infer": {"inputs": [tensor]}}
        v1, v2 = (
            httpx.post(f"{server.url}/{path}", json=body | {"parameters": parameters}).json()
            for path, body in bodies.items()
        )
        return v1["predictions"][0], {output["name"]: output["data"][0] for output in v2["outputs"]}

    one, columns = ask()
    assert one.keys() == {"label", "score"}
    assert columns == one | {"labels": "[]"}

    two, columns = ask(top_k=2)
    assert len(two["labels"]) == 2
    assert two["labels"][0]["label"] == two["label"]
    assert json.loads(columns["labels"]) == two["labels"]
