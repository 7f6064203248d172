"""The task that docs/tasks.md adds as an example works as it says."""

from pathlib import Path

import pytest

from examples.tasks import text_regression
from sluice_predictor.artifact import ArtifactError
from sluice_predictor.tasks import Item, load_task, loading
from tests.integration.predictor.versions import TEXTS, expected, make_model, pack_with, save


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line that a task adds to the table."""
    monkeypatch.setitem(loading.TASKS, "text-regression", text_regression.define)


@pytest.mark.parametrize("model_type", ["bert", "electra"])
def test_a_text_is_given_the_number_that_the_model_says(tmp_path: Path, model_type: str) -> None:
    model = make_model(model_type, "AutoModelForSequenceClassification", labels=["value"], problem_type="regression")
    tokenizer = save(model, tmp_path)
    task = load_task(pack_with(tmp_path, task="text-regression", labels=[], texts=TEXTS), precision="fp32")

    for text, answer in zip(TEXTS, task.answer([Item(text) for text in TEXTS]), strict=True):
        value = expected(model, tokenizer, text, lambda output: float(output.logits[0, 0]))
        assert answer.prediction == {"value": pytest.approx(value, abs=1e-4)}


def test_a_version_of_another_kind_is_refused(tmp_path: Path) -> None:
    save(make_model("bert", "AutoModelForSequenceClassification", labels=["a", "b"]), tmp_path)

    with pytest.raises(ArtifactError, match=r"sluice\.json: labels: should be empty"):
        load_task(pack_with(tmp_path, task="text-regression", labels=["a", "b"]))
