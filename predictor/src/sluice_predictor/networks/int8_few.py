"""The layers in int8 for few tokens, by FBGEMM.

A call of its product costs a fraction of what one of oneDNN's does, and quantises its input besides. With as many
tokens as a text or two have, that outweighs the slower kernel and the activation's own pass over the result.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional

from sluice_predictor.networks.attention import attend, embed, first_of_each, script
from sluice_predictor.networks.quantised import QuantisedLayer, QuantisedLinear

if TYPE_CHECKING:
    Packed = Any
else:
    Packed = torch.classes.quantized.LinearPackedParamsBase

_ENGINE = "fbgemm"


def available() -> bool:
    """Whether this torch was built with FBGEMM."""
    return _ENGINE in torch.backends.quantized.supported_engines


def _linear(values: Tensor, scale: float, zero_point: int, weight: Packed) -> Tensor:
    return torch.ops.quantized.linear_with_input_q_dq_qweight_dq_output_fp32(values, scale, zero_point, weight)  # type: ignore[no-any-return]


def _activate(values: Tensor, activation: str) -> Tensor:
    if activation == "relu":
        return functional.relu(values, inplace=True)
    return torch.ops.aten.gelu_(values, approximate="tanh" if activation == "gelu_tanh" else "none")  # type: ignore[no-any-return]


def _layer(
    states: Tensor,
    lengths: list[int],
    heads: int,
    first: bool,
    weights: list[Packed],
    norms: list[Tensor],
    scales: list[float],
    zeros: list[int],
    epsilon: float,
    activation: str,
) -> Tensor:
    hidden = [states.size(1)]
    mixed = attend(_linear(states, scales[0], zeros[0], weights[0]), lengths, heads, first)
    if first:
        states = first_of_each(states, lengths)
    states = _linear(mixed, scales[1], zeros[1], weights[1]).add_(states)
    states = torch.layer_norm(states, hidden, norms[0], norms[1], epsilon)
    inner = _activate(_linear(states, scales[2], zeros[2], weights[2]), activation)
    states = _linear(inner, scales[3], zeros[3], weights[3]).add_(states)
    return torch.layer_norm(states, hidden, norms[2], norms[3], epsilon)


def _encode(
    ids: Tensor,
    lengths: list[int],
    heads: int,
    first: bool,
    tables: list[Tensor],
    layers: list[list[Packed]],
    norms: list[list[Tensor]],
    scales: list[list[float]],
    zeros: list[list[int]],
    epsilon: float,
    activation: str,
) -> Tensor:
    states = embed(ids, lengths, tables, epsilon)
    for number, weights in enumerate(layers):
        last = number == len(layers) - 1
        states = _layer(
            states,
            lengths,
            heads,
            first and last,
            weights,
            norms[number],
            scales[number],
            zeros[number],
            epsilon,
            activation,
        )
    return states


@cache
def compiled() -> Callable[..., Tensor]:
    """Return `_encode`, compiled."""
    return script(_encode)


def pack(layer: QuantisedLayer) -> list[Packed]:
    """Lay the weights of a layer's four products out."""
    before = torch.backends.quantized.engine
    torch.backends.quantized.engine = _ENGINE
    try:
        return [_pack(linear) for linear in layer.linears]
    finally:
        torch.backends.quantized.engine = before


def _pack(linear: QuantisedLinear) -> Packed:
    zero_points = torch.zeros(len(linear.bias), dtype=torch.long)
    with warnings.catch_warnings():
        # It says so once a process. FBGEMM's weights have no other type.
        warnings.filterwarnings("ignore", message="torch.quantize_per_tensor", category=UserWarning)
        weight = torch._make_per_channel_quantized_tensor(
            linear.weight, linear.weight_scales.double(), zero_points, axis=0
        )
    return torch.ops.quantized.linear_prepack(weight, linear.bias)
