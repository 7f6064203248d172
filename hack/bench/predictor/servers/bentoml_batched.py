"""BentoML with its adaptive batching on; `bentoml serve` runs it in the environment of the other servers.

`BENCH_MODEL_DIR` and `BENCH_MODEL_NAME` say what it serves, because bentoml imports the service without arguments.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import bentoml  # type: ignore[import-not-found]  # only in that environment

from hack.bench.predictor.servers.classifier import Classifier

BATCH = 32


@bentoml.service
class TextService:
    """Gathers the texts of several requests into one call."""

    def __init__(self) -> None:
        self._classifier = Classifier(Path(os.environ["BENCH_MODEL_DIR"]))

    @bentoml.api(  # type: ignore[untyped-decorator]
        batchable=True, max_batch_size=BATCH, route=f"/v1/models/{os.environ['BENCH_MODEL_NAME']}:predict"
    )
    def predict(self, instances: list[str]) -> list[dict[str, Any]]:
        return self._classifier(instances)
