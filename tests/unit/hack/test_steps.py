"""Steps are done once, redone when what goes in changes, and never leave a half-made output."""

import os
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from hack.cluster.errors import BusyError, ClusterError, StoppedError
from hack.cluster.steps import FileOutput, Plan, Step, fingerprint, only_one, run_plan, write_whole


@dataclass
class Recorded:
    """A report and an output that remember what was asked of them."""

    started_names: list[str] = field(default_factory=list)
    finished_names: list[str] = field(default_factory=list)
    stops: int = 0

    def started(self, name: str) -> None:
        self.started_names.append(name)

    def finished(self, name: str, *, seconds: float) -> None:
        assert seconds >= 0
        self.finished_names.append(name)

    def stop(self) -> None:
        self.stops += 1


def run(plan: Plan) -> Recorded:
    seen = Recorded()
    run_plan(plan, report=seen, stop=seen.stop)
    return seen


def writer(path: Path, text: str) -> FileOutput:
    def build(part: Path) -> None:
        part.write_text(text)

    return FileOutput(path, build)


def failing(path: Path, error: BaseException) -> FileOutput:
    def build(part: Path) -> None:
        part.write_text("half")
        raise error

    return FileOutput(path, build)


def one(name: str, output: FileOutput, *, inputs: tuple[str | Path, ...] = ("v1",)) -> Plan:
    plan = Plan()
    plan.add(Step(name, "lane", inputs, output))
    return plan


def test_a_step_is_run_once_for_the_same_inputs(tmp_path: Path) -> None:
    plan = one("tool", writer(tmp_path / "tool", "binary"))
    assert run(plan).finished_names == ["tool"]
    assert run(plan).started_names == []
    assert (tmp_path / "tool").read_text() == "binary"


def test_a_changed_input_runs_the_step_again(tmp_path: Path) -> None:
    run(one("tool", writer(tmp_path / "tool", "old"), inputs=("v1",)))
    run(one("tool", writer(tmp_path / "tool", "new"), inputs=("v2",)))
    assert (tmp_path / "tool").read_text() == "new"


def test_a_removed_output_is_made_again(tmp_path: Path) -> None:
    plan = one("tool", writer(tmp_path / "tool", "binary"))
    run(plan)
    (tmp_path / "tool").unlink()
    assert run(plan).finished_names == ["tool"]


@pytest.mark.parametrize("error", [ClusterError("no"), KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_a_step_that_is_cut_short_leaves_nothing_and_is_run_next_time(tmp_path: Path, error: BaseException) -> None:
    with pytest.raises(type(error)):
        run(one("tool", failing(tmp_path / "tool", error)))
    assert list(tmp_path.iterdir()) == []
    assert run(one("tool", writer(tmp_path / "tool", "whole"))).finished_names == ["tool"]


def test_a_build_that_fails_leaves_the_output_that_was_there(tmp_path: Path) -> None:
    run(one("tool", writer(tmp_path / "tool", "old"), inputs=("v1",)))
    with pytest.raises(ClusterError):
        run(one("tool", failing(tmp_path / "tool", ClusterError("no")), inputs=("v2",)))
    assert (tmp_path / "tool").read_text() == "old"


def test_a_change_travels_to_what_needs_the_step(tmp_path: Path) -> None:
    def key_of_second(first_input: str) -> str:
        plan = Plan()
        plan.add(Step("first", "lane", (first_input,), writer(tmp_path / "first", "1")))
        return plan.add(Step("second", "lane", ("same",), writer(tmp_path / "second", "2"), needs=("first",)))

    assert key_of_second("v1") == key_of_second("v1")
    assert key_of_second("v1") != key_of_second("v2")


def test_a_step_cannot_need_what_comes_later(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must be added before"):
        Plan().add(Step("second", "lane", (), writer(tmp_path / "second", "2"), needs=("first",)))


def test_lanes_run_beside_each_other_and_wait_for_what_they_need(tmp_path: Path) -> None:
    downloading = threading.Event()

    def compile_it(part: Path) -> None:
        assert downloading.wait(10), "the other lane must have started meanwhile"
        part.write_text("binary")

    def download(part: Path) -> None:
        downloading.set()
        part.write_text("wheel")

    plan = Plan()
    plan.add(Step("compile", "compile", (), FileOutput(tmp_path / "binary", compile_it)))
    plan.add(Step("download", "fetch", (), FileOutput(tmp_path / "wheel", download)))
    plan.add(Step("image", "fetch", (), writer(tmp_path / "image", "image"), needs=("compile", "download")))
    assert run(plan).finished_names[-1] == "image"


def test_the_first_failure_stops_the_other_lanes_and_is_the_one_that_is_told(tmp_path: Path) -> None:
    stopped = threading.Event()

    def compile_it(_part: Path) -> None:
        assert stopped.wait(10)
        raise StoppedError("Stopped.")

    plan = Plan()
    plan.add(Step("compile", "compile", (), FileOutput(tmp_path / "binary", compile_it)))
    plan.add(Step("download", "fetch", (), failing(tmp_path / "wheel", ClusterError("the network is down"))))
    plan.add(Step("later", "fetch", (), writer(tmp_path / "later", "never")))
    seen = Recorded()
    with pytest.raises(ClusterError, match="the network is down"):
        run_plan(plan, report=seen, stop=stopped.set)
    assert "later" not in seen.started_names


def test_a_fingerprint_covers_content_and_names_but_not_where_the_checkout_lies(tmp_path: Path) -> None:
    def tree(root: str, *, name: str = "go.mod", text: str = "module") -> Path:
        directory = tmp_path / root / "tool"
        directory.mkdir(parents=True)
        (directory / name).write_text(text)
        return directory

    same = fingerprint([tree("a")])
    assert fingerprint([tree("b")]) == same
    assert fingerprint([tree("c", text="other")]) != same
    assert fingerprint([tree("d", name="go.sum")]) != same


def test_a_small_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "build" / "images.json"
    write_whole(path, "old")
    write_whole(path, "new")
    assert path.read_text() == "new"
    assert [file.name for file in path.parent.iterdir()] == ["images.json"]


def test_a_second_run_at_the_same_time_gets_one_clear_line(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with only_one(lock):
        with pytest.raises(BusyError, match=f"process {os.getpid()}") as refused, only_one(lock):
            pass
        assert "\n" not in str(refused.value)
    with only_one(lock):
        pass


def test_the_lock_of_a_killed_run_is_free(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    script = (
        "import os, pathlib, sys; from hack.cluster.steps import only_one\n"
        "with only_one(pathlib.Path(sys.argv[1])): os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(lock)], check=False)
    assert killed.returncode == -9
    with only_one(lock):
        pass
