"""A version that cannot be served is refused, and its reason is one line."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from sluice_predictor.artifact import Artifact, ArtifactError, pack
from sluice_predictor.tasks import load_task


def test_a_damaged_version_ends_the_process_with_one_clear_line(tmp_path, make, launch_and_wait) -> None:
    artifact = make(tmp_path / "1.0.0")
    (artifact.directory / "tokenizer.json").write_text("{}")

    code, output = launch_and_wait(artifact)

    assert code == 1
    (line,) = map(json.loads, output.splitlines())
    size = artifact.manifest.files["tokenizer.json"].size
    assert line["message"] == f"tokenizer.json: 2 bytes, sluice.json says {size}"
    assert line["level"] == "error"


def test_another_digest_than_the_one_asked_for_is_not_served(version: Artifact, launch_and_wait) -> None:
    wanted = "sha256:" + "0" * 64

    code, output = launch_and_wait(version, f"--digest={wanted}")

    assert code == 1
    assert f"the version's digest is {version.digest}, {wanted} was asked for" in output


def without_tensor(directory: Path) -> None:
    weights = load_file(directory / "model.safetensors")
    del weights["label_head.bias"]
    save_file(weights, directory / "model.safetensors")


def with_short_tensor(directory: Path) -> None:
    weights = load_file(directory / "model.safetensors")
    weights["label_head.bias"] = weights["label_head.bias"][:1].clone()
    save_file(weights, directory / "model.safetensors")


def with_config(directory: Path, **changes: object) -> None:
    path = directory / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


UNFIT: dict[str, tuple[Callable[[Path], object], str]] = {
    "a missing tensor": (without_tensor, r"model\.safetensors: tensor label_head\.bias is missing"),
    "a tensor of another shape": (with_short_tensor, r"model\.safetensors: tensor label_head\.bias has shape \(1,\)"),
    "no tensors": (lambda d: (d / "model.safetensors").write_bytes(b"no"), r"model\.safetensors: "),
    "another model's configuration": (lambda d: with_config(d, model_type="bert"), r"config\.json: model_type: "),
    "a size of no sense": (lambda d: with_config(d, hidden_size=-1), r"config\.json: hidden_size: "),
    "other labels": (lambda d: with_config(d, labels=["a"]), r"config\.json: its labels are not those of sluice\.json"),
    "no tokenizer": (lambda d: (d / "tokenizer.json").write_text("{}"), r"tokenizer\.json: "),
    "a tokenizer that is missing": (lambda d: (d / "tokenizer.json").unlink(), r"tokenizer\.json: "),
}


@pytest.mark.parametrize(("change", "message"), UNFIT.values(), ids=UNFIT.keys())
def test_content_that_the_task_cannot_use_is_refused_and_its_file_named(
    tmp_path: Path, make, change: Callable[[Path], object], message: str
) -> None:
    """The author packed it so: every hash is right, the content is not."""
    made = make(tmp_path / "1.0.0")
    change(made.directory)
    manifest = made.manifest
    packed = pack(
        made.directory, model=manifest.model, version=manifest.version, task=manifest.task, labels=manifest.labels
    )

    with pytest.raises(ArtifactError, match=message) as refusal:
        load_task(packed)
    assert "\n" not in str(refusal.value)


def test_an_unknown_task_is_refused(tmp_path: Path, make) -> None:
    packed = pack(make(tmp_path / "1.0.0").directory, model="m", version="1.0.0", task="images", labels=["a"])

    with pytest.raises(ArtifactError, match=r"sluice\.json: this server has no task 'images'"):
        load_task(packed)
