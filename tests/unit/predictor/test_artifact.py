"""A version is opened only when its directory is exactly what its manifest says, however storage put it there."""

import json
import os
import pickle
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_predictor.artifact import ArtifactError, open_artifact, pack
from sluice_predictor.artifact.names import MAX_DEPTH
from sluice_predictor.artifact.tree import LEFT_BY_STORAGE, measure

FILES = {"config.json": b"{}", "model.safetensors": b"weights", "vocabulary/words.txt": b"a\nb\n"}


def make(directory: Path) -> Path:
    for name, content in FILES.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(content)
    pack(directory, model="sms-classifier", version="1.0.0", task="text-entities", labels=["debit", "credit"])
    return directory


@pytest.fixture
def version(tmp_path: Path) -> Path:
    return make(tmp_path / "version")


def test_what_was_packed_opens_with_the_same_digest(version: Path) -> None:
    artifact = open_artifact(version)

    assert artifact.manifest.version == "1.0.0"
    assert set(artifact.manifest.files) == set(FILES)
    assert open_artifact(version, artifact.digest) == artifact


def test_another_digest_than_the_one_asked_for_is_refused(version: Path) -> None:
    with pytest.raises(ArtifactError, match=r"sluice\.json: the version's digest is sha256:\w+, sha256:0+ was asked"):
        open_artifact(version, "sha256:" + "0" * 64)


def test_progress_is_told_for_every_byte(version: Path) -> None:
    told: list[int] = []

    open_artifact(version, advance=told.append)

    assert sum(told) == sum(map(len, FILES.values()))


def link_of(name: str, target: str) -> Callable[[Path], None]:
    def make(directory: Path) -> None:
        (directory / name).unlink(missing_ok=True)
        (directory / name).symlink_to(target)

    return make


def bound_socket(directory: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.fsencode(directory / "s.json"))


def deep(directory: Path) -> None:
    (directory / "vocabulary" / "/".join("abcdefgh")).mkdir(parents=True)


def crowd(directory: Path) -> None:
    for number in range(2100):
        (directory / f"{number}.json").touch()


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "a changed byte": (lambda d: (d / "model.safetensors").write_bytes(b"Weights"), r"model\.safetensors: its SHA-256"),
    "a longer file": (lambda d: (d / "model.safetensors").write_bytes(b"weights!"), r"model\.safetensors: 8 bytes"),
    "a file of a terabyte": (
        lambda d: os.truncate(d / "model.safetensors", 1 << 40),
        r"model\.safetensors: 1099511627",
    ),
    "a missing file": (lambda d: (d / "config.json").unlink(), r"config\.json: listed in sluice\.json but missing"),
    "an unlisted file": (lambda d: (d / "more.json").write_bytes(b"{}"), r"more\.json: not listed"),
    "an unlisted file below": (lambda d: (d / "vocabulary/b.txt").write_bytes(b""), r"vocabulary/b\.txt: not listed"),
    "a directory of nothing": (lambda d: (d / "more").mkdir(), "more: a directory of which sluice.json lists no file"),
    "directories without end": (deep, "vocabulary/a: a directory of which"),
    "thousands of files": (crowd, r"'\.': holds more than 2000 entries"),
    "a directory in a file's place": (
        lambda d: (d / "config.json").unlink() or (d / "config.json").mkdir(),
        r"config\.json: a directory of which",
    ),
    "a file in a directory's place": (
        lambda d: (d / "vocabulary").rename(d.parent / "v") and (d / "vocabulary").touch(),
        "vocabulary: only",
    ),
    "a link to a file": (link_of("config.json", "/etc/passwd"), r"config\.json: a symbolic link"),
    "a link to a file inside": (link_of("config.json", "model.safetensors"), r"config\.json: a symbolic link"),
    "a link to a directory": (link_of("more", "/etc"), "more: a symbolic link"),
    "a link to itself": (link_of("config.json", "config.json"), r"config\.json: a symbolic link"),
    "a link named as what storage leaves": (link_of("lost+found", "/etc"), r"lost\+found.*: a symbolic link"),
    "a pipe": (lambda d: os.mkfifo(d / "pipe.json"), r"pipe\.json: not a regular file"),
    "a socket": (bound_socket, r"s\.json: not a regular file"),
    "a pickle": (lambda d: (d / "model.pkl").write_bytes(pickle.dumps([])), r"model\.pkl: only \.json, "),
    "a torch pickle": (lambda d: (d / "pytorch_model.bin").write_bytes(b""), r"pytorch_model\.bin: only \.json, "),
    "code": (lambda d: (d / "modeling.py").write_text("pass"), r"modeling\.py: only \.json, "),
    "code beside the Hub's records": (
        lambda d: (d / ".cache").mkdir() or (d / ".cache/a.py").touch(),
        r"\.cache/a\.py': a file's name must be",
    ),
    "a name of control characters": (lambda d: (d / "\x1b[2Ja.json").touch(), r"x1b\[2Ja\.json': a file's name"),
    "a name that is no text": (lambda d: (d / os.fsdecode(b"\xff")).mkdir(), r"'\\udcff': a directory of which"),
    "no manifest": (lambda d: (d / "sluice.json").unlink(), r"sluice\.json: no such file"),
    "a manifest that is a link": (
        lambda d: (d / "sluice.json").rename(d.parent / "m") and (d / "sluice.json").symlink_to(d.parent / "m"),
        r"sluice\.json: no such file",
    ),
    "a manifest that is a pipe": (
        lambda d: (d / "sluice.json").unlink() or os.mkfifo(d / "sluice.json"),
        r"sluice\.json: no such file",
    ),
    "a manifest without end": (lambda d: os.truncate(d / "sluice.json", 1 << 40), r"sluice\.json: larger than"),
}


@pytest.mark.parametrize(("damage", "message"), DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_version_is_refused_and_the_file_named(
    version: Path, damage: Callable[[Path], object], message: str
) -> None:
    damage(version)

    with pytest.raises(ArtifactError, match=message) as refusal:
        open_artifact(version)
    assert str(refusal.value).isprintable()


def test_a_directory_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="nowhere: No such file or directory"):
        open_artifact(tmp_path / "nowhere")


def test_a_file_that_grows_while_it_is_read_is_refused_and_never_read_on(version: Path) -> None:
    path = version / "model.safetensors"
    os.truncate(path, 3 << 20)
    read: list[int] = []

    def grow(count: int) -> None:
        read.append(count)
        with path.open("ab") as file:
            file.write(bytes(2 << 20))

    descriptor = os.open(path, os.O_RDONLY)
    try:
        with pytest.raises(ArtifactError, match=r"model\.safetensors: changed while it was read"):
            measure(descriptor, name="model.safetensors", advance=grow)
    finally:
        os.close(descriptor)
    assert sum(read) == (3 << 20) + 1


@given(
    place=st.integers(0, 2), offset=st.integers(0, 6), flip=st.integers(1, 255), more=st.binary(min_size=0, max_size=3)
)
def test_no_change_of_any_file_goes_unseen(
    tmp_path_factory: pytest.TempPathFactory, place: int, offset: int, flip: int, more: bytes
) -> None:
    version = make(tmp_path_factory.mktemp("version"))
    path = version / sorted(FILES)[place]
    content = bytearray(path.read_bytes() + more)
    content[offset % len(content)] ^= flip
    path.write_bytes(content)

    with pytest.raises(ArtifactError, match=path.name):
        open_artifact(version)


def hub(version: Path) -> None:
    records = version / ".cache/huggingface/download"
    records.mkdir(parents=True)
    (records / "config.json.metadata").write_text("0a1b")
    (version / ".cache/huggingface/.gitignore").write_text("*")
    (version / ".gitattributes").write_text("*.safetensors filter=lfs")


def volume(version: Path) -> None:
    (version / "lost+found").mkdir(mode=0)


@pytest.mark.parametrize("leave", [hub, volume])
def test_what_storage_leaves_behind_is_passed_over(version: Path, leave: Callable[[Path], None]) -> None:
    expected = open_artifact(version)

    leave(version)

    assert open_artifact(version) == expected


def test_what_storage_leaves_behind_is_never_part_of_a_version(version: Path) -> None:
    expected = open_artifact(version).digest
    hub(version)

    again = pack(version, model="sms-classifier", version="1.0.0", task="text-entities", labels=["debit", "credit"])

    assert again.digest == expected
    assert not set(again.manifest.files) & LEFT_BY_STORAGE


def test_a_version_in_a_model_image_is_reached_through_another_process_root(version: Path, tmp_path: Path) -> None:
    """KServe links /mnt/models to /proc/PID/root/models; resolved, that would be a path of this process' own root."""
    mount = tmp_path / "models"
    mount.symlink_to(f"/proc/{os.getpid()}/root{version}")

    artifact = open_artifact(mount)

    assert artifact.digest == open_artifact(version).digest
    assert artifact.directory == mount


def test_a_version_that_the_storage_initializer_linked_entry_by_entry_is_verified_where_it_lies(
    version: Path, tmp_path: Path
) -> None:
    mount = tmp_path / "models"
    mount.mkdir()
    for entry in version.iterdir():
        (mount / entry.name).symlink_to(entry)

    assert open_artifact(mount) == open_artifact(version)

    (version / "modeling.py").touch()
    with pytest.raises(ArtifactError, match=r"modeling\.py"):
        open_artifact(mount)


def test_links_that_lead_to_several_directories_are_links(version: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (version / "config.json").rename(elsewhere / "config.json")
    mount = tmp_path / "models"
    mount.mkdir()
    for entry in [*version.iterdir(), elsewhere / "config.json"]:
        (mount / entry.name).symlink_to(entry)

    with pytest.raises(ArtifactError, match=r"sluice\.json: no such file"):
        open_artifact(mount)


def test_a_relative_directory_is_found_from_wherever_the_process_goes(
    version: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(version)
    artifact = open_artifact(Path())
    monkeypatch.chdir(tmp_path)

    assert json.loads((artifact.directory / "config.json").read_text()) == {}


def test_a_version_may_be_as_deep_as_its_names_may_be(tmp_path: Path) -> None:
    name = "/".join("abcdefgh"[: MAX_DEPTH - 1]) + "/a.json"
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_text("{}")

    assert set(pack(tmp_path, model="m", version="1", task="t", labels=[]).manifest.files) == {name}
    assert open_artifact(tmp_path)
