"""Our front with an engine that costs nothing, in the server's own process: what our HTTP path takes."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import uvicorn
from prometheus_client import CollectorRegistry

from sluice_predictor.connections import Connection
from sluice_predictor.metrics import Metrics
from sluice_predictor.protocol.front import Front
from sluice_predictor.protocol.http import Receive, Scope, Send
from sluice_predictor.protocol.inference import Identity, Inference
from sluice_predictor.tasks.base import Answer, Description, Output, Parameters


class ConstantEngine:
    """Answers every text alike."""

    ready = True
    full = False
    description = Description(
        engine="constant",
        precision="fp32",
        outputs=[Output("label", "BYTES"), Output("score", "FP32")],
        parameters=Parameters(),
    )

    async def submit(self, texts: Sequence[str], *, parameters: Parameters, deadline: float | None) -> list[Answer]:  # noqa: ARG002
        answer = Answer(prediction={"label": "other", "score": 0.5}, tokens=32, labels=[("other", 0.5)])
        return [answer for _ in texts]


async def nothing_else(scope: Scope, receive: Receive, send: Send) -> None:
    """Stand where KServe's application answers health and metadata."""
    raise NotImplementedError(scope["path"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--http_port", type=int, required=True)
    parser.add_argument("--model_name", required=True)
    args = parser.parse_args()
    inference = Inference(
        ConstantEngine(),
        identity=Identity(model=args.model_name, version="1.0.0", digest="sha256:" + "0" * 64, instance="bench"),
        metrics=Metrics(registry=CollectorRegistry(), labels=["other"]),
    )
    config = uvicorn.Config(
        Front(nothing_else, inference),
        host="127.0.0.1",
        port=args.http_port,
        http=Connection,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
    )
    uvicorn.Server(config).run()
