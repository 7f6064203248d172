"""A version is served at a precision that is proven on its calibration, and says which."""

import json
from pathlib import Path
from typing import Any

import pytest

from sluice_predictor.artifact import Artifact, ArtifactError, extend, write
from sluice_predictor.tasks import Item, load_task
from sluice_predictor.tasks.calibration import ask
from tests.integration.predictor.versions import LABELS, TEXTS, make_model, pack_with, save


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    directory = tmp_path / "version"
    save(make_model("bert", "AutoModelForSequenceClassification", labels=LABELS, num_hidden_layers=4), directory)
    return directory


def pack(directory: Path, *, texts: list[str] = TEXTS, **metadata: Any) -> Artifact:
    return pack_with(directory, task="text-classification", labels=LABELS, texts=texts, **metadata)


def test_the_answers_of_auto_reproduce_the_calibration_on_any_machine(directory: Path) -> None:
    artifact = pack(directory)
    task = load_task(artifact)

    assert artifact.manifest.calibration is not None
    assert ask(task, artifact.manifest.calibration).problem is None


def test_predictions_that_other_weights_made_are_refused(directory: Path) -> None:
    artifact = pack(directory)
    assert artifact.manifest.calibration is not None
    calibration = artifact.manifest.calibration.model_dump()
    calibration["examples"][1]["prediction"]["score"] = 0.01
    changed = extend(artifact, {"calibration": calibration})
    write(changed)

    for precision in ("auto", "fp32"):
        with pytest.raises(
            ArtifactError, match=r"sluice\.json: calibration\.examples\.1: score: 0\.\d+, expected 0\.01"
        ):
            load_task(changed, precision=precision)


def test_a_calibration_is_of_the_versions_own_defaults(directory: Path) -> None:
    artifact = pack(directory, parameters={"top_k": 2})

    assert artifact.manifest.calibration is not None
    assert len(artifact.manifest.calibration.examples[0].prediction["labels"]) == 2
    assert load_task(artifact).description.parameters.top_k == 2


def test_without_a_calibration_auto_is_float32_and_int8_is_refused(directory: Path) -> None:
    artifact = pack(directory, texts=[])

    assert load_task(artifact).description.precision == "fp32"
    with pytest.raises(ArtifactError, match=r"^--precision=int8: .*, or serve it with --precision=auto$"):
        load_task(artifact, precision="int8")


def test_the_files_of_a_version_do_not_stay_in_memory(directory: Path) -> None:
    artifact = pack(directory)

    task = load_task(artifact)

    assert len(task.answer([Item("w1")])) == 1
    assert str(directory / "model.safetensors") not in Path("/proc/self/maps").read_text()


def test_the_server_tells_the_precision_in_its_log_and_its_metrics(directory: Path, serve) -> None:
    server = serve(pack(directory))

    lines = [json.loads(line) for line in server.log.read_text().splitlines()]
    (choice,) = [line for line in lines if line["logger"] == "sluice_predictor.tasks.precision"]
    assert choice["message"].endswith(f" reproduces the {len(TEXTS)} predictions of the calibration within 0.02")
    assert choice["candidates"]["fp32"]["difference"] < 1e-4
    (series,) = server.samples("sluice_model_info")
    assert f'precision="{choice["precision"]}"' in series


def test_a_server_that_is_told_a_precision_that_cannot_be_ends_with_one_line(directory: Path, launch_and_wait) -> None:
    code, output = launch_and_wait(pack(directory, texts=[]), "--precision=int8")

    assert code == 1
    (line,) = map(json.loads, output.splitlines())
    assert line["message"].startswith("--precision=int8: ")
