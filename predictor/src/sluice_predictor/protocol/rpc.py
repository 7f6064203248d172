"""KServe's V2 protocol over gRPC, as plain data: messages in, requests out, and the way back.

A text is a value of `contents.bytes_contents` or of the BYTES tensor in `raw_input_contents`; an answer is raw if its
request was, unless `binary_data_output` says otherwise. Parameters have no fractions in gRPC: a threshold is sent as a
string.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb  # type: ignore[import-untyped]

from sluice_predictor.protocol.checks import (
    check_count,
    check_id,
    check_shape,
    check_text,
    read_parameters,
)
from sluice_predictor.protocol.errors import invalid
from sluice_predictor.protocol.request import InferenceRequest, RequestedOutput
from sluice_predictor.protocol.tensors import column, read_bytes_tensor, read_text, shape, write_tensor
from sluice_predictor.protocol.v2 import INPUT
from sluice_predictor.tasks.base import Answer, Output

_CONTENTS = "inputs[0].contents.bytes_contents"
_RAW = "raw_input_contents[0]"


def decode(message: pb.ModelInferRequest, *, outputs: Sequence[Output]) -> InferenceRequest:
    """Read a request.

    Raises:
        RequestError: 400 or 422, naming the field.
    """
    if len(message.inputs) != 1:
        raise invalid("inputs", f"expected exactly one, named {INPUT!r}; got {len(message.inputs)}")
    field = _RAW if message.raw_input_contents else _CONTENTS
    parameters = _values(message.parameters)
    _read_threshold(parameters)
    binary = parameters.get("binary_data_output", bool(message.raw_input_contents))
    if not isinstance(binary, bool):
        raise invalid("parameters.binary_data_output", "expected a boolean", code="invalid_parameter")
    return InferenceRequest(
        texts=_texts(message, field),
        field=field,
        parameters=read_parameters(parameters),
        id=check_id(message.id),
        outputs=_requested(message, [output.name for output in outputs]),
        binary=binary,
    )


def encode(
    answers: Sequence[Answer],
    *,
    request: InferenceRequest,
    outputs: Sequence[Output],
    head: Mapping[str, Any],
    prediction_id: str,
) -> pb.ModelInferResponse:
    """Write the answer to a request.

    Args:
        answers: of the request's texts.
        request: says which outputs are wanted, and how.
        outputs: those that the task has.
        head: the message's fields `model_name`, `model_version` and `id`.
        prediction_id: goes into the message's parameters.
    """
    named = {output.name: output for output in outputs}
    message = pb.ModelInferResponse(**head)
    message.parameters["prediction_id"].string_param = prediction_id
    for wanted in request.outputs or [RequestedOutput(name) for name in named]:
        output = named[wanted.name]
        values = column(output, answers)
        tensor = message.outputs.add(name=output.name, datatype=output.datatype, shape=shape(output, answers))
        if request.binary:
            message.raw_output_contents.append(write_tensor(output, values))
        elif output.datatype == "FP32":
            tensor.contents.fp32_contents.extend(values)
        else:
            tensor.contents.bytes_contents.extend(value.encode() for value in values)
    return message


def _texts(message: pb.ModelInferRequest, field: str) -> list[str]:
    tensor = message.inputs[0]
    if tensor.name != INPUT:
        raise invalid("inputs[0].name", f"expected {INPUT!r}")
    if tensor.datatype != "BYTES":
        raise invalid("inputs[0].datatype", "expected 'BYTES'")
    values = _raw_values(message) if field == _RAW else tensor.contents.bytes_contents
    check_count(len(values), field=field)
    check_shape(list(tensor.shape), count=len(values), field="inputs[0].shape")
    places = ((value, f"{field}[{place}]") for place, value in enumerate(values))
    return [check_text(read_text(value, field=place), field=place) for value, place in places]


def _raw_values(message: pb.ModelInferRequest) -> Sequence[bytes]:
    if len(message.raw_input_contents) != 1:
        raise invalid("raw_input_contents", f"expected one, as of inputs; got {len(message.raw_input_contents)}")
    if message.inputs[0].HasField("contents"):
        raise invalid("inputs[0].contents", "must not be there beside raw_input_contents")
    return read_bytes_tensor(message.raw_input_contents[0], field=_RAW)


def _requested(message: pb.ModelInferRequest, names: Sequence[str]) -> list[RequestedOutput] | None:
    requested: dict[str, RequestedOutput] = {}
    for place, output in enumerate(message.outputs):
        if output.name not in names:
            raise invalid(f"outputs[{place}].name", f"expected one of {', '.join(names)}")
        if output.name in requested:
            raise invalid(f"outputs[{place}].name", f"{output.name!r} is asked for twice")
        requested[output.name] = RequestedOutput(output.name)
    return list(requested.values()) or None


def _values(parameters: Mapping[str, pb.InferParameter]) -> dict[str, bool | int | str | float]:
    values: dict[str, bool | int | str | float] = {}
    for name, parameter in parameters.items():
        kind = parameter.WhichOneof("parameter_choice")
        if kind is not None:
            values[name] = getattr(parameter, kind)
    return values


def _read_threshold(parameters: dict[str, bool | int | str | float]) -> None:
    """Turn a threshold that is a string into the number that it spells."""
    value = parameters.get("threshold")
    if not isinstance(value, str):
        return
    try:
        parameters["threshold"] = float(value[:32])
    except ValueError as error:
        raise invalid("parameters.threshold", "expected a number", code="invalid_parameter") from error
