"""Tensors as raw bytes, in V2's binary extension and in gRPC: little-endian, row after row.

A BYTES tensor is its values one after the other, each after its length in four bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import chain
from typing import Any

import orjson

from sluice_predictor.protocol.checks import check_count
from sluice_predictor.protocol.errors import invalid
from sluice_predictor.protocol.request import MAX_INSTANCES
from sluice_predictor.tasks.base import Answer, Output

_LENGTH = struct.Struct("<I")


def read_bytes_tensor(raw: bytes | bytearray, *, field: str) -> list[bytes]:
    """Split a BYTES tensor into its values.

    Raises:
        RequestError: 400 when the lengths do not add up, 422 for more values than a request may have.
    """
    values: list[bytes] = []
    offset = 0
    while offset < len(raw):
        if len(values) == MAX_INSTANCES:
            check_count(MAX_INSTANCES + 1, field=field)
        start = offset + _LENGTH.size
        if start > len(raw):
            raise invalid(f"{field}[{len(values)}]", "its length is cut off; it takes 4 bytes")
        (length,) = _LENGTH.unpack_from(raw, offset)
        offset = start + length
        if offset > len(raw):
            problem = f"its length is {length} bytes, the tensor has {len(raw) - start} left"
            raise invalid(f"{field}[{len(values)}]", problem)
        values.append(bytes(raw[start:offset]))
    return values


def read_text(value: bytes, *, field: str) -> str:
    """Decode a text.

    Raises:
        RequestError: 400.
    """
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise invalid(field, f"not valid UTF-8 at byte {error.start}") from error


def column(output: Output, answers: Sequence[Answer]) -> list[Any]:
    """Return an output's values, row after row: strings for BYTES, floats for FP32.

    What an answer leaves out, as it was not asked for, is an empty list.
    """
    values = [answer.prediction.get(output.name, []) for answer in answers]
    if output.width is not None:
        values = list(chain.from_iterable(values))
    if output.datatype == "FP32":
        return values
    return [value if isinstance(value, str) else orjson.dumps(value).decode() for value in values]


def shape(output: Output, answers: Sequence[Answer]) -> list[int]:
    """Return the shape of an output."""
    return [len(answers)] if output.width is None else [len(answers), output.width]


def write_tensor(output: Output, values: Sequence[Any]) -> bytes:
    """Write the values of `column` as raw bytes."""
    if output.datatype == "FP32":
        return struct.pack(f"<{len(values)}f", *values)
    encoded = [value.encode() for value in values]
    return b"".join(chain.from_iterable((_LENGTH.pack(len(value)), value) for value in encoded))
