"""KServe's V2 protocol over HTTP: JSON, and tensors whose raw bytes follow the JSON.

One input, `text` BYTES [n]; the outputs are those of the version's task. With raw bytes, the header
`Inference-Header-Content-Length` is the length of the JSON, and a tensor's `binary_data_size` that of its bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from sluice_predictor.protocol.checks import (
    check_array,
    check_count,
    check_id,
    check_shape,
    check_text,
    json_type,
    parse_object,
    read_parameters,
)
from sluice_predictor.protocol.errors import invalid
from sluice_predictor.protocol.request import InferenceRequest, RequestedOutput
from sluice_predictor.protocol.tensors import column, read_bytes_tensor, read_text, shape, write_tensor
from sluice_predictor.tasks.base import Answer, Output

INPUT = "text"
LENGTH_HEADER = "inference-header-content-length"

_TENSOR = "inputs[0]"
_DATA = "inputs[0].data"


def decode(body: bytes | bytearray, *, outputs: Sequence[Output], json_length: str | None = None) -> InferenceRequest:
    """Read a request.

    Args:
        body: JSON, perhaps with raw bytes after it.
        outputs: those that may be asked for.
        json_length: value of the header that says where the JSON ends.

    Raises:
        RequestError: 400 or 422, naming the field.
    """
    head, tail = (body, None) if json_length is None else _split(body, json_length)
    document = parse_object(head)
    (tensor,) = _one(_objects(document, "inputs"))
    parameters = _parameters(document, "parameters")
    return InferenceRequest(
        texts=_texts(tensor, tail),
        field=_DATA,
        parameters=read_parameters(parameters),
        id=check_id(document.get("id")),
        outputs=_requested(document, [output.name for output in outputs]),
        binary=_flag(parameters, "binary_data_output", field="parameters") or False,
    )


def encode(
    answers: Sequence[Answer],
    *,
    request: InferenceRequest,
    outputs: Sequence[Output],
    head: Mapping[str, Any],
) -> tuple[bytes, int | None]:
    """Write the answer to a request.

    Args:
        answers: of the request's texts.
        request: says which outputs are wanted, and how.
        outputs: those that the task has.
        head: the answer's keys beside its outputs.

    Returns:
        The body, and the length of its JSON if raw bytes follow it.
    """
    named = {output.name: output for output in outputs}
    tensors, blobs = [], []
    for wanted in request.outputs or [RequestedOutput(name) for name in named]:
        output = named[wanted.name]
        values = column(output, answers)
        tensor: dict[str, Any] = {"name": output.name, "datatype": output.datatype, "shape": shape(output, answers)}
        if request.binary if wanted.binary is None else wanted.binary:
            blobs.append(write_tensor(output, values))
            tensor["parameters"] = {"binary_data_size": len(blobs[-1])}
        else:
            tensor["data"] = values
        tensors.append(tensor)
    document = orjson.dumps({**head, "outputs": tensors})
    return (b"".join((document, *blobs)), len(document)) if blobs else (document, None)


def _split(body: bytes | bytearray, json_length: str) -> tuple[bytes | bytearray, bytes | bytearray]:
    if not (json_length.isascii() and json_length.isdecimal() and len(json_length) < 10):
        raise invalid(LENGTH_HEADER, "expected the number of bytes of the JSON", code="invalid_header")
    length = int(json_length)
    if length > len(body):
        raise invalid(LENGTH_HEADER, f"{length}, but the body has {len(body)} bytes", code="invalid_header")
    return body[:length], body[length:]


def _one(inputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if len(inputs) != 1:
        raise invalid("inputs", f"expected exactly one, named {INPUT!r}; got {len(inputs)}")
    return inputs


def _objects(document: Mapping[str, Any], field: str) -> list[dict[str, Any]]:
    values = check_array(document, field, field=field)
    for place, value in enumerate(values):
        if not isinstance(value, dict):
            raise invalid(f"{field}[{place}]", f"expected an object, got {json_type(value)}")
    return values


def _texts(tensor: Mapping[str, Any], tail: bytes | bytearray | None) -> list[str]:
    if tensor.get("name") != INPUT:
        raise invalid(f"{_TENSOR}.name", f"expected {INPUT!r}")
    if tensor.get("datatype") != "BYTES":
        raise invalid(f"{_TENSOR}.datatype", "expected 'BYTES'")
    size = _parameters(tensor, f"{_TENSOR}.parameters").get("binary_data_size")
    values: Sequence[object] = (
        _json_values(tensor, tail) if size is None else _binary_values(tensor, tail=tail, size=size)
    )
    check_count(len(values), field=_DATA)
    sizes = check_shape(tensor.get("shape"), count=len(values), field=f"{_TENSOR}.shape")
    nested = len(sizes) == 2
    return [
        check_text(_unwrap(value) if nested else value, field=f"{_DATA}[{place}]") for place, value in enumerate(values)
    ]


def _json_values(tensor: Mapping[str, Any], tail: bytes | bytearray | None) -> list[Any]:
    if tail:
        raise invalid(LENGTH_HEADER, f"{len(tail)} bytes follow the JSON, of no tensor", code="invalid_header")
    return check_array(tensor, "data", field=_DATA)


def _binary_values(tensor: Mapping[str, Any], *, tail: bytes | bytearray | None, size: object) -> list[str]:
    field = f"{_TENSOR}.parameters.binary_data_size"
    if "data" in tensor:
        raise invalid(field, "the tensor has data in the JSON too")
    following = len(tail or b"")
    if type(size) is not int or size != following:
        raise invalid(field, f"expected {following}, the number of bytes after the JSON")
    raw = read_bytes_tensor(tail or b"", field=_DATA)
    return [read_text(value, field=f"{_DATA}[{place}]") for place, value in enumerate(raw)]


def _unwrap(value: object) -> object:
    """Take the text out of a row of a tensor of shape [n, 1], which may be sent nested or flat."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _requested(document: Mapping[str, Any], names: Sequence[str]) -> list[RequestedOutput] | None:
    if document.get("outputs") is None:
        return None
    requested: dict[str, RequestedOutput] = {}
    for place, output in enumerate(_objects(document, "outputs")):
        name = output.get("name")
        if not isinstance(name, str) or name not in names:
            raise invalid(f"outputs[{place}].name", f"expected one of {', '.join(names)}")
        if name in requested:
            raise invalid(f"outputs[{place}].name", f"{name!r} is asked for twice")
        field = f"outputs[{place}].parameters"
        binary = _flag(_parameters(output, field), "binary_data", field=field)
        requested[name] = RequestedOutput(name, binary=binary)
    return list(requested.values()) or None


def _parameters(owner: Mapping[str, Any], field: str) -> Mapping[str, Any]:
    values = owner.get("parameters")
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise invalid(field, f"expected an object, got {json_type(values)}", code="invalid_parameter")
    return values


def _flag(parameters: Mapping[str, Any], name: str, *, field: str) -> bool | None:
    value = parameters.get(name)
    if value is None or isinstance(value, bool):
        return value
    raise invalid(f"{field}.{name}", f"expected a boolean, got {json_type(value)}", code="invalid_parameter")
