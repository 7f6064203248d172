"""The pure parts of the cluster: its configuration, its table of images, and what the command ends with."""

import errno
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from hack.cluster import __main__ as command
from hack.cluster import images
from hack.cluster.applications import add_applications, built_tags
from hack.cluster.commands import Shell
from hack.cluster.containers import Store
from hack.cluster.errors import BusyError, ClusterError, UnmetNeedError
from hack.cluster.kind import GATEWAY_PORT, PROMETHEUS_NODE_PORT, PROMETHEUS_PORT, Cluster
from hack.cluster.loading import chain_ids
from hack.cluster.paths import Paths
from hack.cluster.steps import Plan


def paths_in(directory: Path) -> Paths:
    return Paths(checkout=directory / "checkout", cache=directory / "cache")


def node_config(directory: Path, *, engine: str) -> dict[str, Any]:
    cluster = Cluster(shell=Shell(logs=directory), paths=paths_in(directory), engine=engine, node_image="node:1")
    node: dict[str, Any]
    (node,) = yaml.safe_load(cluster.config())["nodes"]
    return node


@pytest.mark.parametrize("engine", ["podman", "docker"])
def test_the_node_is_reached_from_this_machine_alone(tmp_path: Path, engine: str) -> None:
    node = node_config(tmp_path, engine=engine)
    ports = {(port["listenAddress"], port["hostPort"], port["containerPort"]) for port in node["extraPortMappings"]}
    assert ports == {
        ("127.0.0.1", GATEWAY_PORT, 80),
        ("127.0.0.1", PROMETHEUS_PORT, PROMETHEUS_NODE_PORT),
    }


def test_models_are_mounted_for_reading_only(tmp_path: Path) -> None:
    node = node_config(tmp_path, engine="podman")
    (mount,) = node["extraMounts"]
    models = str(tmp_path / "cache" / "models")
    assert mount == {"hostPath": models, "containerPath": "/models", "readOnly": True}


def test_every_image_names_an_exact_published_version() -> None:
    for image in (*images.PLATFORM, images.PYTHON, images.INSTALLER, images.NODE):
        registry, _, rest = image.published.partition("/")
        assert "." in registry, image
        assert not rest.endswith(":latest"), image
        assert ":" in rest, image


def test_unpacked_layers_are_named_by_the_layer_and_all_below_it() -> None:
    assert chain_ids([]) == []
    assert chain_ids(["sha256:a"]) == ["sha256:a"]
    first, second, third = chain_ids(["sha256:a", "sha256:b", "sha256:c"])
    assert first == "sha256:a"
    assert len({first, second, third}) == 3
    assert chain_ids(["sha256:a", "sha256:b"]) == [first, second]
    assert chain_ids(["sha256:x", "sha256:b"])[1] != second


def application_tags(checkout: Path) -> dict[str, str]:
    shell = Shell(logs=checkout / "logs")
    paths = Paths(checkout=checkout, cache=checkout / "cache")
    return add_applications(Plan(), paths=paths, store=Store(shell, "docker"), built_here=False)


def test_an_image_is_named_by_what_goes_into_it(tmp_path: Path) -> None:
    for part in ("operator", "predictor"):
        (tmp_path / part / "src").mkdir(parents=True)
        (tmp_path / part / "src" / "main.py").write_text("print(1)")
        (tmp_path / part / "pyproject.toml").write_text("")
    for name in ("Dockerfile", "uv.lock", "pyproject.toml"):
        (tmp_path / name).write_text("")
    before = application_tags(tmp_path)
    assert before == application_tags(tmp_path)
    (tmp_path / "operator" / "src" / "main.py").write_text("print(2)")
    after = application_tags(tmp_path)
    assert after["operator"] != before["operator"]
    assert after["predictor"] == before["predictor"]
    assert after["operator"].startswith("localhost/sluice-operator:0.1.0-")


def test_names_of_images_are_read_from_their_record(tmp_path: Path) -> None:
    paths = paths_in(tmp_path)
    with pytest.raises(ClusterError, match=r"run `python -m hack\.cluster images`"):
        built_tags(paths)
    paths.images_json.parent.mkdir(parents=True)
    paths.images_json.write_text(json.dumps({"operator": "o:1", "predictor": "p:1"}))
    assert built_tags(paths) == {"operator": "o:1", "predictor": "p:1"}


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (ClusterError("it failed"), 1, "it failed"),
        (UnmetNeedError("podman is not installed"), 3, "podman is not installed"),
        (BusyError("another run is at work"), 4, "another run is at work"),
        (OSError(errno.ENOSPC, "No space left on device"), 5, "No space left on the file system of"),
        (
            PermissionError(errno.EACCES, "Permission denied", "/var/cache/sluice"),
            3,
            "No permission for /var/cache/sluice",
        ),
        (KeyboardInterrupt(), 130, "run the same command again"),
    ],
)
def test_a_failure_is_one_line_and_an_exit_status(
    error: BaseException,
    status: int,
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_arguments: object, **_named: object) -> None:
        raise error

    monkeypatch.setattr(command, "_run", fail)
    assert command.main(["up"]) == status
    said = capsys.readouterr().err
    assert line in said
    assert said.count("\n") == 1


def test_wrong_usage_names_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(["explode"])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert all(name in said for name in ("up", "down", "status", "images"))
