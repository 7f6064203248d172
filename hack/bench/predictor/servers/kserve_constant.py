"""KServe's SDK server with its default settings and a model that costs nothing: what its HTTP path takes."""

from __future__ import annotations

import argparse
from typing import Any

from kserve import Model, ModelServer, model_server  # type: ignore[import-untyped]


class ConstantModel(Model):  # type: ignore[misc]  # the SDK has no types
    """Answers every text alike."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.ready = True

    def predict(self, payload: dict[str, Any], headers: dict[str, str] | None = None) -> dict[str, Any]:  # noqa: ARG002
        return {"predictions": [{"label": "other", "score": 0.5} for _ in payload["instances"]]}


if __name__ == "__main__":
    args = argparse.ArgumentParser(parents=[model_server.parser]).parse_args()
    ModelServer().start([ConstantModel(args.model_name)])
