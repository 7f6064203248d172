"""Packing writes a manifest that opens, in one step, or says why it cannot and writes nothing."""

import json
import os
from pathlib import Path

import pytest

from sluice_predictor.artifact import ArtifactError, describe, extend, open_artifact, pack, read_artifact, write

NAMES = {"model": "sms-classifier", "version": "1.0.0", "task": "text-entities"}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    directory = tmp_path / "version"
    directory.mkdir()
    (directory / "config.json").write_text("{}")
    return directory


def test_what_is_packed_opens(directory: Path) -> None:
    metadata = {"lineage": {"run": "https://runs.example/17"}, "extensions": {"n": 1.0, "long": 1e21}}

    packed = pack(directory, **NAMES, labels=["debit"], metadata=metadata)

    assert open_artifact(directory, packed.digest) == packed
    assert packed.manifest.lineage is not None
    assert packed.manifest.lineage.run == "https://runs.example/17"


def test_the_manifest_has_the_names_of_the_contract_and_no_key_that_nobody_gave(directory: Path) -> None:
    pack(directory, **NAMES, labels=["a"])

    written = json.loads((directory / "sluice.json").read_text())
    assert list(written) == ["formatVersion", "model", "version", "task", "labels", "files"]


def test_packing_again_changes_nothing(directory: Path) -> None:
    before = pack(directory, **NAMES, labels=["debit"])
    content = (directory / "sluice.json").read_bytes()

    again = pack(directory, **NAMES, labels=["debit"])

    assert again == before
    assert (directory / "sluice.json").read_bytes() == content
    assert sorted(path.name for path in directory.iterdir()) == ["config.json", "sluice.json"]


def test_a_version_may_have_no_labels(directory: Path) -> None:
    assert pack(directory, **NAMES, labels=[]).manifest.labels == []


@pytest.mark.parametrize("field", ["model", "version", "task"])
def test_a_name_that_could_not_be_served_is_refused(directory: Path, field: str) -> None:
    with pytest.raises(ArtifactError, match=f"{field}: "):
        pack(directory, **NAMES | {field: "no/slash"}, labels=["debit"])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("model.pt", b"x", r"model\.pt: only"),
        ("odd name.json", b"x", "'odd name.json': a file's name must be"),
        ("Config.json", b"x", "differs from Config.json in case alone"),
        ("empty.json", b"", "empty.json: is empty; some storage would leave it out"),
    ],
)
def test_packing_refuses_what_could_not_be_opened_or_delivered(
    directory: Path, name: str, content: bytes, message: str
) -> None:
    (directory / name).write_bytes(content)

    with pytest.raises(ArtifactError, match=message):
        pack(directory, **NAMES, labels=["debit"])
    assert not (directory / "sluice.json").exists()


def test_a_directory_too_deep_is_refused(directory: Path) -> None:
    (directory / "/".join("abcdefghi")).mkdir(parents=True)

    with pytest.raises(ArtifactError, match="a/b/c/d/e/f/g/h: more than 8 directories deep"):
        pack(directory, **NAMES, labels=["debit"])


def test_a_value_that_json_does_not_know_is_refused(directory: Path) -> None:
    with pytest.raises(ArtifactError, match=r"sluice\.json: not valid JSON"):
        pack(directory, **NAMES, labels=["debit"], metadata={"extensions": {"a": float("nan")}})
    with pytest.raises(ArtifactError, match=r"sluice\.json: not valid JSON"):
        pack(directory, **NAMES, labels=["debit"], metadata={"extensions": {"a": object()}})


def test_what_is_described_is_written_only_when_told(directory: Path) -> None:
    described = describe(directory, **NAMES, labels=["debit"])
    extended = extend(described, {"training": {"seed": 7}})
    assert not (directory / "sluice.json").exists()

    write(extended)

    assert open_artifact(directory) == extended
    assert extended.digest != described.digest
    assert extend(described, {}) == described


def test_a_failure_while_writing_leaves_the_old_manifest_and_nothing_else(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = pack(directory, **NAMES, labels=["debit"])

    def interrupted(_descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pack(directory, **NAMES, labels=["credit"])

    assert open_artifact(directory) == before


def test_what_a_killed_run_left_does_not_disturb_the_next(directory: Path) -> None:
    (directory / ".sluice.json.draft").write_text("{")

    packed = pack(directory, **NAMES, labels=["debit"])

    assert open_artifact(directory) == packed
    assert not (directory / ".sluice.json.draft").exists()


def test_what_a_version_says_can_be_read_without_its_files(directory: Path) -> None:
    packed = pack(directory, **NAMES, labels=["debit"])
    (directory / "config.json").unlink()

    assert read_artifact(directory) == packed
