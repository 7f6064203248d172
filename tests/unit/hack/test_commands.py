"""What other programs say reaches the user as one line, and none outlives the run."""

import os
import select
import sys
import threading
from pathlib import Path

import pytest

from hack.cluster.commands import Shell
from hack.cluster.errors import ClusterError, NoSpaceError, StoppedError, UnmetNeedError


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(logs=tmp_path / "logs", needed_gib=30)


def sh(script: str) -> list[str | Path]:
    return ["sh", "-c", script]


def test_output_goes_to_the_log_of_its_name(shell: Shell, tmp_path: Path) -> None:
    shell.run(sh("echo out; echo err >&2"), log="build")
    assert (tmp_path / "logs" / "build.log").read_text() == "out\nerr\n"


def test_a_failure_is_the_line_that_calls_itself_an_error_and_the_place_of_the_rest(
    shell: Shell, tmp_path: Path
) -> None:
    with pytest.raises(ClusterError) as failed:
        shell.run(sh("echo 'error: no such module'; echo 'exit status 1'; exit 1"), log="build")
    assert "error: no such module" in str(failed.value)
    assert str(tmp_path / "logs" / "build.log") in str(failed.value)
    assert "\n" not in str(failed.value)


def test_a_program_that_is_missing_is_named(shell: Shell) -> None:
    with pytest.raises(UnmetNeedError, match="no-such-program is not installed"):
        shell.output(["no-such-program"])


def test_a_full_disk_is_one_line_with_place_and_need(shell: Shell, tmp_path: Path) -> None:
    with pytest.raises(NoSpaceError) as full:
        shell.run(sh("echo 'write /a/b: no space left on device' >&2; exit 1"), log="build")
    assert str(tmp_path) in str(full.value)
    assert "30 GiB are needed" in str(full.value)


def test_a_pipe_carries_the_source_to_the_sink(shell: Shell, tmp_path: Path) -> None:
    shell.pipe(sh("printf layers"), ["tee", tmp_path / "sunk"], log="load")
    assert (tmp_path / "sunk").read_text() == "layers"


@pytest.mark.parametrize(("source", "sink"), [("echo x; exit 1", "cat"), ("echo x", "exit 1")])
def test_a_pipe_fails_when_either_end_fails(shell: Shell, source: str, sink: str) -> None:
    with pytest.raises(ClusterError, match="failed"):
        shell.pipe(sh(source), sh(sink), log="load")


def test_input_reaches_the_program(shell: Shell) -> None:
    assert shell.output(["cat"], stdin=b"kind: Cluster") == "kind: Cluster"


def test_a_stop_ends_what_runs_with_its_children_and_refuses_what_comes_later(shell: Shell, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    os.mkfifo(pid_file)
    ended: list[BaseException] = []

    def build() -> None:
        try:
            # The child of the child is what a compiler is to `go build`.
            shell.run(sh(f"sleep 60 & echo $! > {pid_file}; wait"), log="build")
        except ClusterError as error:
            ended.append(error)

    builder = threading.Thread(target=build)
    builder.start()
    grandchild = os.pidfd_open(int(pid_file.read_text()))
    shell.stop()
    builder.join(10)
    assert [type(error) for error in ended] == [StoppedError]
    with pytest.raises(StoppedError):
        shell.output([sys.executable, "--version"])
    readable, _, _ = select.select([grandchild], [], [], 10)
    assert readable == [grandchild], "a process descriptor is readable once its process has ended"
    os.close(grandchild)
