"""What the server says of itself and of its model; what V2 knows is the same over HTTP and gRPC."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from importlib.metadata import version as installed_version
from typing import Any

import orjson

from sluice_predictor.artifact import Calibration
from sluice_predictor.protocol.inference import Identity, Inference
from sluice_predictor.protocol.v2 import INPUT
from sluice_predictor.tasks.base import Output

MAX_CALIBRATION_BYTES = 512 << 10
"""Who asks reads no more than that of an answer; nor is an answer to all examples at once much larger."""


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


def calibration_metadata(identity: Identity, calibration: Calibration | None) -> bytes:
    """Say which version this is, and by which answers it is known; in JSON, of bounded size.

    Examples are instances and predictions of V1, to be reproduced within `tolerance`. Those for which there is no room
    are left out; a version without a calibration has none.
    """
    return orjson.dumps(
        {
            "model_name": identity.model,
            "model_version": identity.version,
            "digest": identity.digest,
            "tolerance": calibration.tolerance if calibration is not None else 0.0,
            "examples": list(_examples(calibration)) if calibration is not None else [],
        }
    )


def _examples(calibration: Calibration) -> Iterator[dict[str, Any]]:
    room = MAX_CALIBRATION_BYTES
    for example in calibration.examples:
        document = {"instance": example.instance, "prediction": example.prediction}
        room -= len(orjson.dumps(document))
        if room < 0:
            return
        yield document
