"""The packed encoder with its matrix products in int8, on CPUs that have instructions for it.

Weights are quantised by output, once; inputs by the layer's ranges, which are fixed. What lies between the matrix
products (attention, normalisation, the sum of the states) stays in float32. oneDNN's kernels also do what surrounds a
product: the activation, quantising its result, and the sum.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import cache

import torch
from torch import Tensor

from sluice_predictor.networks.attention import attend, embed, first_of_each, script
from sluice_predictor.networks.families import Activation, EncoderWeights, LayerWeights, Norm
from sluice_predictor.networks.packed import Rows, lay_out
from sluice_predictor.networks.ranges import LayerRanges
from sluice_predictor.networks.weights import Linear

_POST_OPERATIONS: dict[Activation, tuple[str, str]] = {
    "gelu": ("gelu", "none"),
    "gelu_tanh": ("gelu", "tanh"),
    "relu": ("relu", ""),
}
_GREATEST_WEIGHT = 127
_SMALLEST = 1e-8


def available() -> bool:
    """Whether int8 is exact and fast here: oneDNN's operations are there, and the CPU multiplies without overflow."""
    if not (torch.backends.mkldnn.is_available() and hasattr(torch.ops.onednn, "qlinear_pointwise")):  # type: ignore[no-untyped-call]
        return False
    cpu = torch.cpu.get_capabilities()
    return any(bool(cpu.get(name)) for name in ("avx512_vnni", "avx_vnni", "amx_int8"))


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
    tensors: list[list[Tensor]],
    scales: list[float],
    zeros: list[int],
    epsilon: float,
    activation: tuple[str, str],
) -> Tensor:
    hidden = [states.size(1)]
    projected = _linear(_quantise(states, scales[0], zeros[0]), scales[0], zeros[0], tensors[0])
    mixed = attend(projected, lengths, heads, first)
    if first:
        states = first_of_each(states, lengths)
    states = _linear_and_add(_quantise(mixed, scales[1], zeros[1]), scales[1], zeros[1], tensors[1], states)
    states = torch.layer_norm(states, hidden, tensors[2][0], tensors[2][1], epsilon)
    weight = tensors[3]
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
    states = _linear_and_add(inner, scales[3], zeros[3], tensors[4], states)
    return torch.layer_norm(states, hidden, tensors[5][0], tensors[5][1], epsilon)


def _encode(
    ids: Tensor,
    lengths: list[int],
    heads: int,
    first: bool,
    tables: list[Tensor],
    layers: list[list[list[Tensor]]],
    scales: list[list[float]],
    zeros: list[list[int]],
    epsilon: float,
    activation: tuple[str, str],
) -> Tensor:
    states = embed(ids, lengths, tables, epsilon)
    for number, tensors in enumerate(layers):
        last = number == len(layers) - 1
        states = _layer(
            states, lengths, heads, first and last, tensors, scales[number], zeros[number], epsilon, activation
        )
    return states


@cache
def _compiled() -> Callable[..., Tensor]:
    with warnings.catch_warnings():
        # It says so once a process. The operation has no successor that oneDNN's kernels are as fast with.
        warnings.filterwarnings("ignore", message="torch.quantize_per_tensor", category=UserWarning)
        torch.quantize_per_tensor(torch.zeros(1), 1.0, 0, torch.quint8)
    return script(_encode)


class Int8Encoder:
    """An encoder with its matrix products in int8, on the CPU."""

    def __init__(self, weights: EncoderWeights, ranges: Sequence[LayerRanges]) -> None:
        """Quantise the weights, and lay them out.

        Args:
            weights: of the encoder.
            ranges: of each layer.
        """
        self._run = _compiled()
        self._heads, self._epsilon = weights.heads, weights.norm.epsilon
        self._activation = _POST_OPERATIONS[weights.activation]
        self._tables = [weights.words, weights.places, *_less(weights.norm, ranges[0].projection.mean)]
        # What the last layer passes on is nobody's quantised input.
        nothing = torch.zeros_like(ranges[0].projection.mean)
        following = [*(layer.projection.mean for layer in ranges[1:]), nothing]
        self._layers = [
            _laid_out(layer, own, mean) for layer, own, mean in zip(weights.layers, ranges, following, strict=True)
        ]
        inputs = [(r.projection, r.attention_output, r.intermediate, r.output) for r in ranges]
        self._scales = [[part.scale for part in layer] for layer in inputs]
        self._zeros = [[part.zero_point for part in layer] for layer in inputs]

    def encode(self, ids: Sequence[Sequence[int]], *, rows: Rows) -> Tensor:
        """Return the last states; see `Network`."""
        flat, lengths = lay_out(ids, vocabulary=len(self._tables[0]))
        return self._run(
            flat,
            lengths,
            self._heads,
            rows == "first",
            self._tables,
            self._layers,
            self._scales,
            self._zeros,
            self._epsilon,
            self._activation,
        )


def _laid_out(layer: LayerWeights, ranges: LayerRanges, following: Tensor) -> list[list[Tensor]]:
    """Quantise a layer.

    The means that the ranges take off are taken off where the values come from, a bias each, and what they
    would have added to a product is in that product's bias.

    Args:
        layer: its weights.
        ranges: its ranges.
        following: the means of the next layer's first input.
    """
    before, mixed, middle = ranges.projection.mean, ranges.attention_output.mean, ranges.intermediate.mean
    # The shares of a token's attention have the sum one: what the values lack, their mixture lacks.
    lacking = torch.cat([torch.zeros(2 * len(mixed)), mixed])
    return [
        _pack(layer.projection, layer.projection.weight @ before - lacking),
        _pack(layer.attention_output, layer.attention_output.weight @ mixed + before),
        _less(layer.attention_norm, middle),
        _pack(layer.intermediate, layer.intermediate.weight @ middle),
        _pack(layer.output, middle),
        _less(layer.output_norm, following),
    ]


def _less(norm: Norm, mean: Tensor) -> list[Tensor]:
    return [norm.weight, norm.bias - mean]


def _pack(linear: Linear, missing: Tensor) -> list[Tensor]:
    """Return the quantised weight as oneDNN lays it out, the scale and zero point of each output, and the bias.

    Args:
        linear: what to quantise.
        missing: added to the bias.
    """
    scales = linear.weight.abs().amax(dim=1).clamp(min=_SMALLEST) / _GREATEST_WEIGHT
    quantised = (linear.weight / scales[:, None]).round().clamp(-_GREATEST_WEIGHT, _GREATEST_WEIGHT).to(torch.int8)
    packed = torch.ops.onednn.qlinear_prepack(quantised, None)
    return [packed, scales, torch.zeros(len(scales), dtype=torch.int32), linear.bias + missing]
