"""What a run needs and makes once: the load generator, the other servers' environment, and the models."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from hack.bench.errors import BenchError
from hack.bench.predictor.inputs import CALIBRATION
from hack.cluster.commands import UV, Shell
from hack.cluster.errors import ClusterError
from hack.cluster.gobuild import GoTool, add_go_tools
from hack.cluster.paths import Paths
from hack.cluster.report import ConsoleReport
from hack.cluster.steps import FileOutput, Plan, Step, run_plan

VEGETA = GoTool("vegeta", "vegeta", "github.com/tsenart/vegeta/v12")
SIZES = ("minilm", "bert")
_SOURCES = ("models.py", "inputs.py")
_PREDICTOR = ("artifact", "command", "tasks")


@dataclass(frozen=True, slots=True)
class Prepared:
    """Where everything lies.

    Attributes:
        vegeta: The load generator.
        peers: The other servers' environment.
        models: Directory with `model/` and `reference.json` by size.
        sms: The reference model's version.
    """

    vegeta: Path
    peers: Path
    models: dict[str, Path]
    sms: Path


def prepare(paths: Paths, console: Console) -> Prepared:
    """Make what is missing, showing what is made.

    Raises:
        BenchError: Something cannot be made, or the reference model was not trained.
    """
    bench = paths.cache / "bench"
    found = Prepared(
        vegeta=paths.bin / VEGETA.name,
        peers=bench / "peers",
        models={size: bench / "models" / size for size in SIZES},
        sms=paths.models / "sms" / "1.0.0",
    )
    if not found.sms.exists():
        raise BenchError("the reference model is not there: run `make models` first")
    shell = Shell(logs=paths.logs)
    plan = Plan()
    add_go_tools(plan, (VEGETA,), paths=paths, shell=shell)
    plan.add(_install_peers(found.peers, paths=paths, shell=shell))
    for size, directory in found.models.items():
        made = bench / "made" / size
        plan.add(_make_model(size, made, paths=paths, shell=shell))
        plan.add(_pack_model(size, made, directory, paths=paths, shell=shell))
    try:
        with ConsoleReport(console) as report:
            run_plan(plan, report=report, stop=shell.stop)
    except ClusterError as error:
        raise BenchError(str(error)) from error
    return found


def _install_peers(directory: Path, *, paths: Paths, shell: Shell) -> Step:
    """The environment keeps its place, which its programs know; so the step leaves a note of what it holds."""
    words = [UV, "sync", "--locked", "--only-group", "bench", "--no-install-workspace"]

    def install(note: Path) -> None:
        shell.run(words, log="bench-peers", cwd=paths.checkout, env={"UV_PROJECT_ENVIRONMENT": str(directory)})
        note.write_text("the other servers are installed\n")

    inputs = (paths.checkout / "uv.lock", paths.checkout / "pyproject.toml")
    return Step("install the other servers", "install", inputs, FileOutput(directory.with_name("peers.note"), install))


def _make_model(size: str, directory: Path, *, paths: Paths, shell: Shell) -> Step:
    here = Path(__file__).parent

    def make(part: Path) -> None:
        part.mkdir(parents=True)
        words: list[str | Path] = [sys.executable, "-m", "hack.bench.predictor.models", size, part]
        shell.run(words, log=f"bench-model-{size}", cwd=paths.checkout)

    inputs: tuple[str | Path, ...] = (size, *(here / name for name in _SOURCES))
    return Step(_made(size), "models", inputs, FileOutput(directory, make))


def _pack_model(size: str, made: Path, directory: Path, *, paths: Paths, shell: Shell) -> Step:
    """Apart from the making, which takes minutes: the predictor's code changes more often than the model."""
    predictor = paths.checkout / "predictor" / "src" / "sluice_predictor"
    identity = ("--model", size, "--version", "1.0.0", "--task", "text-classification")

    def pack(part: Path) -> None:
        shutil.copytree(made, part, copy_function=os.link)
        words: list[str | Path] = [sys.executable, "-m", "sluice_predictor", "pack", part / "model", *identity]
        shell.run([*words, "--calibration", part / CALIBRATION], log=f"bench-model-{size}", cwd=paths.checkout)

    inputs: tuple[str | Path, ...] = (*identity, *(predictor / name for name in _PREDICTOR))
    return Step(f"pack the {size} model", "models", inputs, FileOutput(directory, pack), (_made(size),))


def _made(size: str) -> str:
    return f"make the {size} model"
