"""The server that many write first: FastAPI, a function per request, every text padded to the model's length."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

from hack.bench.predictor.servers.classifier import Classifier


class Request(BaseModel):
    """KServe's V1 request."""

    instances: list[str]


def make_app(name: str, directory: Path) -> FastAPI:
    """Return the application with its model loaded."""
    classifier = Classifier(directory, padding="max_length")
    app = FastAPI()

    @app.post(f"/v1/models/{name}:predict")
    def predict(request: Request) -> dict[str, Any]:
        return {"predictions": classifier(request.instances)}

    return app


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--http_port", type=int, required=True)
    parser.add_argument("--model_name", required=True)
    parser.add_argument("--model_dir", type=Path, required=True)
    args = parser.parse_args()
    uvicorn.run(make_app(args.model_name, args.model_dir), host="127.0.0.1", port=args.http_port)
