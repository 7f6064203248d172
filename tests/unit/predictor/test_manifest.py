"""A version is opened only when its directory is exactly what its manifest says."""

import hashlib
import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from sluice_predictor.artifact import ArtifactError, open_artifact, pack

FILES = {"config.json": b"{}", "model.safetensors": b"weights", "vocabulary/words.txt": b"a\nb\n"}


@pytest.fixture
def version(tmp_path: Path) -> Path:
    directory = tmp_path / "version"
    for name, content in FILES.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(content)
    pack(directory, model="sms-classifier", version="1.0.0", task="text-entities", labels=["debit", "credit"])
    return directory


def edit_manifest(directory: Path, change: Callable[[dict[str, object]], object]) -> None:
    path = directory / "sluice.json"
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def test_what_was_packed_opens_with_the_same_digest(version: Path) -> None:
    artifact = open_artifact(version)

    assert artifact.manifest.version == "1.0.0"
    assert set(artifact.manifest.files) == set(FILES)
    assert open_artifact(version, artifact.digest) == artifact


def test_the_digest_is_the_hash_of_the_canonical_form(version: Path) -> None:
    document = json.loads((version / "sluice.json").read_text())
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()

    assert open_artifact(version).digest == "sha256:" + hashlib.sha256(canonical).hexdigest()


def test_the_digest_does_not_depend_on_how_the_manifest_is_written(version: Path) -> None:
    before = open_artifact(version).digest
    document = json.loads((version / "sluice.json").read_text())
    (version / "sluice.json").write_text(json.dumps(dict(reversed(document.items())), indent=8))

    assert open_artifact(version).digest == before


def test_packing_again_changes_nothing(version: Path) -> None:
    before = open_artifact(version)

    again = pack(version, model="sms-classifier", version="1.0.0", task="text-entities", labels=["debit", "credit"])

    assert again == before
    assert [path.name for path in version.parent.iterdir()] == ["version"]


def test_another_digest_than_the_one_asked_for_is_refused(version: Path) -> None:
    with pytest.raises(ArtifactError, match=r"sluice\.json: the version's digest is sha256:\w+, sha256:0+ was asked"):
        open_artifact(version, "sha256:" + "0" * 64)


def symlink(directory: Path) -> None:
    (directory / "config.json").unlink()
    (directory / "config.json").symlink_to("/etc/passwd")


def linked_directory(directory: Path) -> None:
    (directory / "more").symlink_to("/etc")


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "a changed byte": (lambda d: (d / "model.safetensors").write_bytes(b"Weights"), r"model\.safetensors: its SHA-256"),
    "a longer file": (lambda d: (d / "model.safetensors").write_bytes(b"weights!"), r"model\.safetensors: 8 bytes"),
    "a missing file": (lambda d: (d / "config.json").unlink(), r"config\.json: listed in sluice\.json but missing"),
    "an unlisted file": (lambda d: (d / "more.json").write_bytes(b"{}"), r"more\.json: not listed"),
    "an unlisted file below": (lambda d: (d / "vocabulary/b.txt").write_bytes(b""), r"vocabulary/b\.txt: not listed"),
    "a link to a file": (symlink, r"config\.json: a symbolic link"),
    "a link to a directory": (linked_directory, r"more: a symbolic link"),
    "a pipe": (lambda d: os.mkfifo(d / "pipe.json"), r"pipe\.json: not a regular file"),
    "a pickle": (lambda d: (d / "model.pkl").write_bytes(pickle.dumps([])), r"model\.pkl: only \.json, "),
    "a torch pickle": (lambda d: (d / "pytorch_model.bin").write_bytes(b""), r"pytorch_model\.bin: only \.json, "),
    "code": (lambda d: (d / "modeling.py").write_text("pass"), r"modeling\.py: only \.json, "),
    "no manifest": (lambda d: (d / "sluice.json").unlink(), r"sluice\.json: no such file"),
    "a manifest that is a link": (
        lambda d: (d / "sluice.json").rename(d.parent / "m") and (d / "sluice.json").symlink_to(d.parent / "m"),
        r"sluice\.json: no such file",
    ),
    "a manifest that is not JSON": (lambda d: (d / "sluice.json").write_text("{"), r"sluice\.json: not valid JSON"),
    "a bottomless manifest": (lambda d: (d / "sluice.json").write_text("[" * 100_000), r"sluice\.json: not valid"),
    "a huge manifest": (lambda d: (d / "sluice.json").write_bytes(b" " * (5 << 20)), r"sluice\.json: larger than"),
    "a key twice": (
        lambda d: (d / "sluice.json").write_text('{"model": "a", "model": "b"}'),
        r"sluice\.json: not valid JSON: an object has the same key twice",
    ),
    "an unknown key": (lambda d: edit_manifest(d, lambda m: m.update(extra=1)), r"sluice\.json: extra: "),
    "another format": (lambda d: edit_manifest(d, lambda m: m.update(formatVersion=2)), r"sluice\.json: formatVersion"),
    "no files": (lambda d: edit_manifest(d, lambda m: m.update(files={})), r"sluice\.json: files: "),
    "a number as version": (lambda d: edit_manifest(d, lambda m: m.update(version=1)), r"sluice\.json: version: "),
}


@pytest.mark.parametrize(("damage", "message"), DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_version_is_refused_and_the_file_named(
    version: Path, damage: Callable[[Path], object], message: str
) -> None:
    damage(version)

    with pytest.raises(ArtifactError, match=message) as refusal:
        open_artifact(version)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "name", ["../config.json", "/etc/passwd.json", "a/../b.json", "./a.json", "a\\b.json", "a\n.json"]
)
def test_a_name_that_is_no_plain_path_inside_is_refused(version: Path, name: str) -> None:
    entry = {"sha256": "0" * 64, "size": 0}
    edit_manifest(version, lambda document: document.update(files={name: entry}))

    with pytest.raises(ArtifactError, match="must be a plain path inside the version's directory"):
        open_artifact(version)


@pytest.mark.parametrize("field", ["model", "version", "task"])
def test_packing_refuses_a_name_that_could_not_be_served(version: Path, field: str) -> None:
    names = {"model": "sms", "version": "1", "task": "text-entities"} | {field: "no/slash"}

    with pytest.raises(ArtifactError, match=f"{field}: "):
        pack(version, **names, labels=["debit"])


def test_packing_refuses_what_opening_would(version: Path) -> None:
    (version / "model.pt").write_bytes(b"")

    with pytest.raises(ArtifactError, match=r"model\.pt"):
        pack(version, model="sms", version="1", task="text-entities", labels=["debit"])
