"""The layers in int8 for batches, by oneDNN.

Its kernels are the fastest, and also do what surrounds a product: the activation, quantising its result, and the
sum. A call of one costs as much as the products of a short text do, whatever it computes.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor

from sluice_predictor.networks.attention import attend, embed, first_of_each, script
from sluice_predictor.networks.families import Activation
from sluice_predictor.networks.quantised import QuantisedLayer, QuantisedLinear

POST_OPERATIONS: dict[Activation, tuple[str, str]] = {
    "gelu": ("gelu", "none"),
    "gelu_tanh": ("gelu", "tanh"),
    "relu": ("relu", ""),
}
"""What oneDNN calls an activation."""


def _quantise(values: Tensor, scale: float, zero_point: int) -> Tensor:
    quantised = torch.quantize_per_tensor(values, scale, zero_point, torch.quint8)
    # `int_repr` would copy it, slowly; and of `view` TorchScript finds only the one that takes sizes.
    plain = torch.empty([0], dtype=torch.uint8)
    return torch.ops.aten.set_(plain, quantised, 0, quantised.size(), [quantised.size(1), 1])  # type: ignore[no-any-return]


def _linear(values: Tensor, scale: float, zero_point: int, weight: list[Tensor]) -> Tensor:
    return torch.ops.onednn.qlinear_pointwise(  # type: ignore[no-any-return]
        values, scale, zero_point, weight[0], weight[1], weight[2], weight[3], 1.0, 0, torch.float32, "none", [], ""
    )


def _linear_and_add(values: Tensor, scale: float, zero_point: int, weight: list[Tensor], residual: Tensor) -> Tensor:
    return torch.ops.onednn.qlinear_pointwise(  # type: ignore[no-any-return]
        values,
        scale,
        zero_point,
        weight[0],
        weight[1],
        weight[2],
        residual,
        weight[3],
        1.0,
        0,
        torch.float32,
        1.0,
        0,
        "add",
        1.0,
        "none",
        [],
        "",
    )


def _layer(
    states: Tensor,
    lengths: list[int],
    heads: int,
    first: bool,
    weights: list[list[Tensor]],
    norms: list[Tensor],
    scales: list[float],
    zeros: list[int],
    epsilon: float,
    activation: tuple[str, str],
) -> Tensor:
    hidden = [states.size(1)]
    projected = _linear(_quantise(states, scales[0], zeros[0]), scales[0], zeros[0], weights[0])
    mixed = attend(projected, lengths, heads, first)
    if first:
        states = first_of_each(states, lengths)
    states = _linear_and_add(_quantise(mixed, scales[1], zeros[1]), scales[1], zeros[1], weights[1], states)
    states = torch.layer_norm(states, hidden, norms[0], norms[1], epsilon)
    weight = weights[2]
    inner = torch.ops.onednn.qlinear_pointwise(
        _quantise(states, scales[2], zeros[2]),
        scales[2],
        zeros[2],
        weight[0],
        weight[1],
        weight[2],
        weight[3],
        scales[3],
        zeros[3],
        torch.uint8,
        activation[0],
        [],
        activation[1],
    )
    states = _linear_and_add(inner, scales[3], zeros[3], weights[3], states)
    return torch.layer_norm(states, hidden, norms[2], norms[3], epsilon)


def _encode(
    ids: Tensor,
    lengths: list[int],
    heads: int,
    first: bool,
    tables: list[Tensor],
    layers: list[list[list[Tensor]]],
    norms: list[list[Tensor]],
    scales: list[list[float]],
    zeros: list[list[int]],
    epsilon: float,
    activation: tuple[str, str],
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
    with warnings.catch_warnings():
        # It says so once a process. The operation has no successor that oneDNN's kernels are as fast with.
        warnings.filterwarnings("ignore", message="torch.quantize_per_tensor", category=UserWarning)
        torch.quantize_per_tensor(torch.zeros(1), 1.0, 0, torch.quint8)
    return script(_encode)


def pack(layer: QuantisedLayer) -> list[list[Tensor]]:
    """Lay the weights of a layer's four products out."""
    return [_pack(linear) for linear in layer.linears]


def _pack(linear: QuantisedLinear) -> list[Tensor]:
    weight = torch.ops.onednn.qlinear_prepack(linear.weight, None)
    zero_points = torch.zeros(len(linear.bias), dtype=torch.int32)
    return [weight, linear.weight_scales, zero_points, linear.bias]
