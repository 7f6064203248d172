"""Each lack of the machine is one line that says what to do about it."""

import socket
from dataclasses import replace
from pathlib import Path

import pytest

from hack.cluster.commands import Shell
from hack.cluster.errors import UnmetNeedError
from hack.cluster.preflight import COLD, WARM, Machine, demand, inspect, problems

CACHE = Path("/home/someone/.cache/sluice")
GOOD = Machine(
    is_root=True,
    missing_packages=(),
    can_install=True,
    go="go1.26.8",
    memory_gib=16.0,
    disk_gib={CACHE: 80.0},
    taken_ports=(),
)


def test_a_machine_with_everything_has_no_problem() -> None:
    assert problems(GOOD, COLD) == []
    demand(GOOD, COLD)


@pytest.mark.parametrize(
    ("machine", "line"),
    [
        (replace(GOOD, is_root=False), "Root is needed"),
        (replace(GOOD, go=None), "Go is not installed: Go 1.26 or newer"),
        (replace(GOOD, go="go1.19.8"), "go1.19.8 is too old"),
        (replace(GOOD, memory_gib=2.5), "2.5 GiB are available, 6 are needed"),
        (replace(GOOD, disk_gib={CACHE: 12.0}), f"at {CACHE}: 12.0 GiB are free, 35 are needed"),
        (replace(GOOD, taken_ports=(18080,)), "Port 18080 of 127.0.0.1 is taken"),
        (replace(GOOD, missing_packages=("podman", "runc"), can_install=False), "apt-get install podman runc"),
        (replace(GOOD, missing_packages=("podman",), is_root=False), "apt-get install podman"),
    ],
)
def test_each_lack_is_a_line(machine: Machine, line: str) -> None:
    found = problems(machine, COLD)
    assert any(line in problem for problem in found)
    assert all("\n" not in problem for problem in found)
    with pytest.raises(UnmetNeedError):
        demand(machine, COLD)


def test_what_apt_can_install_is_no_problem_for_root() -> None:
    assert problems(replace(GOOD, missing_packages=("podman",)), COLD) == []


def test_a_run_that_finds_everything_built_asks_for_little() -> None:
    small = replace(GOOD, memory_gib=2.0, disk_gib={CACHE: 5.0})
    assert len(problems(small, COLD)) == 2
    assert problems(small, WARM) == []


def test_all_lacks_are_told_at_once() -> None:
    assert len(problems(replace(GOOD, go=None, memory_gib=1.0, taken_ports=(18080, 19090)), COLD)) == 4


def test_a_port_that_a_program_listens_on_is_found(tmp_path: Path) -> None:
    shell = Shell(logs=tmp_path)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        taken = inspect(cache=tmp_path, ports=[port], built_here=False, shell=shell).taken_ports
    assert taken == (port,)
    assert inspect(cache=tmp_path, ports=[port], built_here=False, shell=shell).taken_ports == ()


def test_published_images_need_neither_root_nor_debian_packages(tmp_path: Path) -> None:
    machine = inspect(cache=tmp_path, ports=[], built_here=False, shell=Shell(logs=tmp_path))
    assert machine.is_root
    assert machine.missing_packages == ()
