"""LitServe with its batching on; it runs in the environment of the other servers.

As its documentation advises for a small model at more than a hundred requests a second: a batch as large as the crowd,
a wait of milliseconds, the fast queue, one worker a device, and torch with a thread a core. Without any wait its worker
would spin on an empty queue.
"""

import argparse
from pathlib import Path
from typing import Any

import litserve  # type: ignore[import-not-found]  # only in that environment

from hack.bench.predictor.servers.classifier import Classifier

BATCH = 32
WAIT_S = 0.005


class TextApi(litserve.LitAPI):  # type: ignore[misc]
    """Decodes, gathers a batch, answers, encodes."""

    def __init__(self, directory: Path, **options: Any) -> None:
        super().__init__(**options)
        self._directory = directory

    def setup(self, device: str) -> None:  # noqa: ARG002  # a CPU it is
        self._classifier = Classifier(self._directory)

    # LitServe takes an annotation here for the schema of the body.
    def decode_request(self, request):  # type: ignore[no-untyped-def]
        text: str = request["instances"][0]
        return text

    def batch(self, inputs: list[str]) -> list[str]:
        return inputs

    def predict(self, x: list[str]) -> list[dict[str, Any]]:
        return self._classifier(x)

    def unbatch(self, output: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return output

    def encode_response(self, output):  # type: ignore[no-untyped-def]
        return {"predictions": [output]}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--http_port", type=int, required=True)
    parser.add_argument("--model_name", required=True)
    parser.add_argument("--model_dir", type=Path, required=True)
    args = parser.parse_args()
    api = TextApi(
        args.model_dir,
        max_batch_size=BATCH,
        batch_timeout=WAIT_S,
        api_path=f"/v1/models/{args.model_name}:predict",
    )
    server = litserve.LitServer(api, accelerator="cpu", fast_queue=True)
    server.run(host="127.0.0.1", port=args.http_port, generate_client_file=False)
