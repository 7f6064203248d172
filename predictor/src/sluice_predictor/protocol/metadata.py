"""What the server says of itself and of its model, the same over HTTP and gRPC."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.metadata import version as installed_version
from typing import Any

from sluice_predictor.protocol.inference import Inference
from sluice_predictor.protocol.v2 import INPUT
from sluice_predictor.tasks.base import Output


@cache
def server_metadata() -> dict[str, Any]:
    """Describe the server as V2 does."""
    return {
        "name": "sluice-predictor",
        "version": installed_version("sluice-predictor"),
        "extensions": ["binary_tensor_data"],
    }


def model_metadata(inference: Inference) -> dict[str, Any]:
    """Describe the model as V2 does."""
    identity = inference.identity
    return {
        "name": identity.model,
        "versions": [identity.version],
        "platform": "",
        "inputs": [{"name": INPUT, "datatype": "BYTES", "shape": [-1]}],
        "outputs": output_metadata(inference.description.outputs),
    }


def output_metadata(outputs: Sequence[Output]) -> list[dict[str, Any]]:
    """Describe outputs; -1 stands for any number of texts."""
    return [
        {
            "name": output.name,
            "datatype": output.datatype,
            "shape": [-1] if output.width is None else [-1, output.width],
        }
        for output in outputs
    ]
