"""KServe's SDK server with its default settings and a custom model as its documentation shows one."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from kserve import Model, ModelServer, model_server  # type: ignore[import-untyped]

from hack.bench.predictor.servers.classifier import Classifier


class TextModel(Model):  # type: ignore[misc]  # the SDK has no types
    """Loads in `load`, answers in `predict`."""

    def __init__(self, name: str, directory: Path) -> None:
        super().__init__(name)
        self._directory = directory
        self.load()

    def load(self) -> bool:
        self._classifier = Classifier(self._directory)
        self.ready = True
        return self.ready

    def predict(self, payload: dict[str, Any], headers: dict[str, str] | None = None) -> dict[str, Any]:  # noqa: ARG002
        return {"predictions": self._classifier(payload["instances"])}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(parents=[model_server.parser])
    parser.add_argument("--model_dir", type=Path, required=True)
    args = parser.parse_args()
    ModelServer().start([TextModel(args.model_name, args.model_dir)])
