"""The servers: how each is started. All of a run are asked with the same bytes at the same path."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

MODEL = "classifier"
PATH = f"/v1/models/{MODEL}:predict"
_SERVERS = "hack.bench.predictor.servers"


@dataclass(frozen=True, slots=True)
class Kind:
    """A server that is measured.

    Attributes:
        key: Its name in results.
        title: Its name for readers.
        words: Its program and arguments; `{port}`, `{other_port}` and `{model}` are filled in.
        in_peers: Whether it runs in the environment of the other servers.
        env: Additions to its environment.
        names_all: Whether it answers `top_k` with the probabilities of all labels.
    """

    key: str
    title: str
    words: Sequence[str]
    in_peers: bool = False
    env: Mapping[str, str] = field(default_factory=dict)
    names_all: bool = False

    def command(self, *, peers: Path, ports: tuple[int, int], model: Path) -> list[str]:
        """Return its command line; of its ports the second is for gRPC."""
        python = str(peers / "bin" / "python") if self.in_peers else sys.executable
        places = {"port": ports[0], "other_port": ports[1], "model": model}
        return [python, "-m", *(word.format(**places) for word in self.words)]

    def environment(self, model: Path) -> dict[str, str]:
        """Return its environment."""
        return {**os.environ, "HF_HUB_OFFLINE": "1", "BENCH_MODEL_DIR": str(model), **self.env}


_ARGUMENTS = ("--http_port", "{port}", "--model_name", MODEL)
_VERSION = (*_ARGUMENTS, "--model_dir", "{model}")

KSERVE = Kind("kserve", "KServe SDK", (f"{_SERVERS}.kserve_eager", *_VERSION, "--grpc_port", "{other_port}"))
FASTAPI = Kind("fastapi", "FastAPI, padded", (f"{_SERVERS}.fastapi_padded", *_VERSION))
LITSERVE = Kind("litserve", "LitServe, batched", (f"{_SERVERS}.litserve_batched", *_VERSION), in_peers=True)
BENTOML = Kind(
    "bentoml",
    "BentoML, batched",
    ("bentoml", "serve", f"{_SERVERS}.bentoml_batched:TextService", "--host", "127.0.0.1", "--port", "{port}"),
    in_peers=True,
    env={"BENTOML_DO_NOT_TRACK": "1", "BENCH_MODEL_NAME": MODEL},
)
# Ended at once, for no gateway has to hear of it: nothing else differs from its defaults.
SLUICE = Kind(
    "sluice",
    "Sluice",
    ("sluice_predictor", *_VERSION, "--grpc_port", "{other_port}", "--lameduck_seconds", "0"),
    names_all=True,
)
ALL = (KSERVE, FASTAPI, LITSERVE, BENTOML, SLUICE)

KSERVE_CONSTANT = Kind(
    "kserve", "KServe SDK", (f"{_SERVERS}.kserve_constant", *_ARGUMENTS, "--grpc_port", "{other_port}")
)
SLUICE_CONSTANT = Kind("sluice", "Sluice", (f"{_SERVERS}.sluice_constant", *_ARGUMENTS))
