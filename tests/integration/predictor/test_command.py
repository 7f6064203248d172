"""The commands as a person or CI runs them: results on standard output, one line about what is wrong, a status."""

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sluice_predictor.artifact import Artifact, open_artifact, read_artifact
from sluice_predictor.tasks import load_task

COMMAND = [sys.executable, "-m", "sluice_predictor"]
LABELS = "debit,credit,other"

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def run(*arguments: object, status: int = 0) -> subprocess.CompletedProcess[str]:
        words = [*COMMAND, *map(str, arguments)]
        result = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=120)
        assert result.returncode == status, result.stderr
        return result

    return run


@pytest.fixture
def directory(make: Callable[..., Artifact], tmp_path: Path) -> Path:
    """The files of a version, not packed yet."""
    directory = make(tmp_path / "version").directory
    (directory / "sluice.json").unlink()
    return directory


@pytest.fixture
def pack(run: Run) -> Callable[..., subprocess.CompletedProcess[str]]:
    def pack(directory: Path, *arguments: object, version: str = "1.0.0", status: int = 0) -> object:
        names = ["--model=sms", f"--version={version}", "--task=text-entities"]
        return run("pack", directory, *names, *arguments, status=status)

    return pack


def test_what_is_packed_verifies_and_packing_again_gives_the_same(directory: Path, run: Run, pack: Run) -> None:
    packed = pack(directory).stdout
    digest = open_artifact(directory).digest

    assert packed == f"sms 1.0.0: {digest}\n"
    assert pack(directory).stdout == packed
    assert run("verify", directory).stdout == f"sms 1.0.0: 3 files, {digest}\n"
    run("verify", directory, "--digest", digest)


def test_calibration_texts_give_a_signature_and_the_answers_of_fp32(directory: Path, tmp_path: Path, pack: Run) -> None:
    texts = ["w1 w2 w3", "w4 नमस्ते", ""]
    (tmp_path / "texts.txt").write_text("\r\n".join(texts))

    first = pack(directory, f"--labels={LABELS}", "--calibration=texts.txt").stdout
    assert pack(directory, f"--labels={LABELS}", "--calibration=texts.txt").stdout == first

    artifact = open_artifact(directory)
    manifest = artifact.manifest
    assert manifest.signature is not None
    assert [output.name for output in manifest.signature.outputs] == ["label", "score", "entities"]
    assert manifest.signature.labels == {"debit": 0, "credit": 1, "other": 2}
    assert manifest.calibration is not None
    assert [example.instance for example in manifest.calibration.examples] == texts[:2]
    assert set(manifest.calibration.examples[0].prediction) == {"label", "score", "entities"}
    load_task(artifact)


def test_a_version_that_fails_on_a_calibration_text_is_not_packed(directory: Path, tmp_path: Path, pack: Run) -> None:
    (tmp_path / "texts.txt").write_text("w1\nw2 strange\n")

    failure = pack(directory, "--calibration=texts.txt", status=1)

    assert "the version fails on the calibration text 'w2 strange'" in failure.stderr
    assert not (directory / "sluice.json").exists()


def test_labels_are_those_of_the_configuration_unless_given(directory: Path, pack: Run) -> None:
    pack(directory)
    assert read_artifact(directory).manifest.labels == ["debit", "credit", "other"]

    for config, labels in [
        ({"id2label": {"1": "b", "0": "a"}}, ["a", "b"]),
        ({"heads": {"kind": ["a", "b"], "tone": ["c", "d"]}}, ["kind/a", "kind/b", "tone/c", "tone/d"]),
        ({}, []),
    ]:
        (directory / "config.json").write_text(json.dumps(config))
        pack(directory)
        assert read_artifact(directory).manifest.labels == labels


def test_metadata_is_kept_and_compared(directory: Path, tmp_path: Path, run: Run, pack: Run) -> None:
    (tmp_path / "metadata.json").write_text(json.dumps({"lineage": {"run": "https://runs.example/17"}}))
    pack(directory, "--metadata=metadata.json")
    other = tmp_path / "other"
    other.mkdir()
    for path in directory.iterdir():
        (other / path.name).write_bytes(path.read_bytes())
    (other / "README.md").write_text("# Better\n")
    pack(other, version="1.1.0")

    assert "run          https://runs.example/17" in run("info", directory).stdout
    document = json.loads(run("info", directory, "-o", "json").stdout)
    assert document["digest"] == open_artifact(directory).digest
    assert document["manifest"] == json.loads((directory / "sluice.json").read_text())

    text = run("diff", directory, other).stdout
    assert "  + README.md (9 bytes)" in text
    assert '  version: "1.0.0" -> "1.1.0"' in text
    difference = json.loads(run("diff", directory, other, "-o", "json").stdout)
    assert not difference["same"]
    assert [change["place"] for change in difference["files"]] == ["README.md"]
    assert "the same version" in run("diff", directory, directory).stdout


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["verify", "version"], 1, "sluice.json: no such file; is this the directory of a packed model version?"),
        (["info", "nowhere"], 1, "nowhere: No such file or directory"),
        (["verify", "version", "--digest=1234"], 2, "--digest: expected sha256: and 64 hex digits, got '1234'"),
        (["pack", "version"], 2, "required: --model, --version, --task"),
        (["info"], 2, "required: DIR"),
    ],
)
@pytest.mark.usefixtures("directory")
def test_what_is_wrong_is_one_line_and_a_status(run: Run, arguments: list[str], status: int, message: str) -> None:
    result = run(*arguments, status=status)

    assert message in result.stderr.splitlines()[-1]
    assert (result.stdout, "Traceback" in result.stderr) == ("", False)


@pytest.mark.parametrize(
    ("option", "content", "message"),
    [
        ("--metadata", b"{", "file: not valid JSON"),
        ("--metadata", b"[]", "file: should be a JSON object"),
        ("--metadata", b'{"owner": 1}', "file: 'owner': unknown key; put what is your own under extensions"),
        ("--metadata", b'{"files": {}}', "file: 'files': unknown key"),
        ("--metadata", b'{"training": {"seed": -1}}', "sluice.json: training.seed: "),
        ("--calibration", b"\xff", "file: not UTF-8: byte 0"),
        ("--calibration", b"\n \n", "file: holds no text"),
        ("--calibration", None, "file: No such file or directory"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(
    directory: Path, tmp_path: Path, pack: Run, option: str, content: bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / "file").write_bytes(content)

    assert f"sluice-predictor: {message}" in pack(directory, f"{option}=file", status=1).stderr
    assert not (directory / "sluice.json").exists()


@pytest.mark.parametrize("command", ["pack", "verify", "info", "diff"])
def test_help_shows_examples_and_imports_nothing_large(tmp_path: Path, command: str) -> None:
    words = [sys.executable, "-X", "importtime", "-m", "sluice_predictor", command, "--help"]
    result = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60)

    assert f"examples:\n  sluice-predictor {command} " in result.stdout
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in result.stderr.splitlines()}
    assert "pydantic" in imported
    assert not imported & {"torch", "transformers", "tokenizers", "kserve", "fastapi", "grpc"}


def until(terminal: int, text: str) -> str:
    """Read a terminal until the text has appeared on it."""
    seen = ""
    while text not in seen:
        seen += os.read(terminal, 4096).decode()
    return seen


def test_a_large_version_shows_progress_and_can_be_interrupted(directory: Path) -> None:
    with (directory / "model.safetensors").open("wb") as file:
        file.truncate(8 << 30)
    terminal, theirs = pty.openpty()
    words = [*COMMAND, "pack", str(directory), "--model=sms", "--version=1", "--task=text-entities"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=theirs)
    try:
        assert "of 8,590 MB (" in until(terminal, "%)")
        process.send_signal(signal.SIGINT)
        assert "Traceback" not in until(terminal, "sluice-predictor: interrupted")
        assert process.wait(timeout=60) == 130
    finally:
        process.kill()
        process.communicate()
        os.close(theirs)
        os.close(terminal)
    assert not list(directory.glob("*sluice.json*"))


def test_a_reader_that_has_enough_is_no_failure(directory: Path, pack: Run) -> None:
    pack(directory)
    with subprocess.Popen(
        [*COMMAND, "info", str(directory)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
