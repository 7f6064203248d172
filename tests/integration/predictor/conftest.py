"""Tiny versions with random weights, and the real server in a process of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers

from examples.sms.model import TASK, TextEntitiesConfig, TextEntitiesModel
from sluice_predictor.artifact import Artifact, pack, write
from sluice_predictor.command.calibration import calibrated

LABELS = ["debit", "credit", "other"]
WORDS = 50
START_TIMEOUT = 120.0


def make_version(directory: Path, *, hidden: int = 16, layers: int = 2, version: str = "1.0.0") -> Artifact:
    """Pack a version that knows the words w1 to w49; its tokenizer also knows `strange`, its embeddings do not."""
    config = TextEntitiesConfig(
        vocab_size=WORDS,
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=2,
        intermediate_size=2 * hidden,
        max_position_embeddings=256,
        initializer_range=1.0,
        labels=LABELS,
    )
    torch.manual_seed(1)
    directory.mkdir()
    TextEntitiesModel(config).save_pretrained(directory)
    vocabulary = {"[PAD]": 0, **{f"w{number}": number for number in range(1, WORDS)}, "strange": WORDS}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[PAD]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(directory / "tokenizer.json"))
    return pack(directory, model="sms-classifier", version=version, task=TASK, labels=LABELS)


@dataclass(frozen=True, slots=True)
class Server:
    """A started server; `url` is where HTTP is served and `grpc` the address of gRPC."""

    url: str
    grpc: str
    process: subprocess.Popen[bytes]
    log: Path

    def samples(self, name: str) -> dict[str, float]:
        """Scrape a metric's samples by their labels as Prometheus writes them."""
        lines = httpx.get(f"{self.url}/metrics").text.splitlines()
        values = (line.rpartition(" ") for line in lines if line.startswith((name + "{", name + " ")))
        return {series.removeprefix(name): float(value) for series, _, value in values}

    def wait_until(self, condition: Callable[[], bool], *, timeout: float = 30.0) -> None:
        deadline = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.02)

    def engine(self) -> int:
        """Return the id of the engine's process; wait for it if there is none."""
        self.wait_until(lambda: bool(children(self.process.pid)))
        (engine,) = children(self.process.pid)
        return engine

    def is_ready(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        try:
            return httpx.get(f"{self.url}/v2/health/ready").status_code == 200
        except httpx.TransportError:
            return False


def free_port() -> int:
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def children(parent: int) -> list[int]:
    """Return the ids of a process' children; none for a process that has ended."""
    try:
        return [int(child) for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]
    except FileNotFoundError:
        return []


def is_alive(process: int) -> bool:
    """Whether a process still runs; one that has ended and waits for its parent does not."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def launch(artifact: Artifact, directory: Path, *arguments: str) -> Server:
    """Start a server that writes its log to a directory; it may not be ready for seconds."""
    http, grpc = free_port(), free_port()
    log = directory / "log"
    command = [sys.executable, "-m", "sluice_predictor", f"--model_dir={artifact.directory}", "--model_name=sms"]
    command += [f"--http_port={http}", f"--grpc_port={grpc}", *arguments]
    # As in a container with a read-only root: no home to write to.
    environment = os.environ | {"HOME": "/nonexistent", "PYTHONUNBUFFERED": "1"}
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd="/", env=environment, stdout=output, stderr=subprocess.STDOUT)
    return Server(url=f"http://127.0.0.1:{http}", grpc=f"127.0.0.1:{grpc}", process=process, log=log)


Serve = Callable[..., Server]


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Start servers; they are stopped when all tests are done."""
    servers: list[Server] = []

    def start(artifact: Artifact, *arguments: str) -> Server:
        server = launch(artifact, tmp_path_factory.mktemp("server"), *arguments)
        servers.append(server)
        server.wait_until(server.is_ready, timeout=START_TIMEOUT)
        return server

    yield start
    for server in servers:
        server.process.send_signal(signal.SIGINT)
    for server in servers:
        server.process.wait(timeout=START_TIMEOUT)


@pytest.fixture
def make() -> Callable[..., Artifact]:
    """Pack a version of one's own, to damage it."""
    return make_version


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Serve]:
    """Start one server and wait for nothing; it is killed after the test, if it still runs."""
    servers: list[Server] = []

    def begin(artifact: Artifact, *arguments: str) -> Server:
        servers.append(launch(artifact, tmp_path, *arguments))
        return servers[-1]

    yield begin
    for server in servers:
        server.process.kill()
        server.process.wait()


@pytest.fixture
def launch_and_wait(start: Serve) -> Callable[..., tuple[int, str]]:
    """Run the server until it gives up; return its exit status and what it printed."""

    def run(artifact: Artifact, *arguments: str) -> tuple[int, str]:
        server = start(artifact, *arguments)
        code = server.process.wait(timeout=START_TIMEOUT)
        return code, server.log.read_text()

    return run


@pytest.fixture(scope="session")
def version(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return make_version(tmp_path_factory.mktemp("versions") / "1.0.0")


@pytest.fixture(scope="session")
def slow_version(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """A version whose answers to long requests take seconds."""
    return make_version(tmp_path_factory.mktemp("versions") / "slow", hidden=256, layers=6, version="2.0.0")


@pytest.fixture(scope="session")
def calibrated_version(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """A version that says what it answers to twenty texts."""
    texts = [f"w{number} w{number + 1}" for number in range(1, 21)]
    artifact = calibrated(make_version(tmp_path_factory.mktemp("versions") / "calibrated"), texts)
    write(artifact)
    return artifact


@pytest.fixture(scope="session")
def server(serve: Serve, version: Artifact) -> Server:
    return serve(version, f"--digest={version.digest}", "--model_version=1.0.0")
