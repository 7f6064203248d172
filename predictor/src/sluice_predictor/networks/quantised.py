"""An encoder's layers in int8: weights quantised by output, and inputs by ranges that are fixed.

The means that the ranges take off are taken off where the values come from, a bias each; what they would have added to
a product is in that product's bias. So nothing is computed for them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sluice_predictor.networks.families import EncoderWeights, LayerWeights, Norm
from sluice_predictor.networks.ranges import LayerRanges, Range
from sluice_predictor.networks.weights import Linear

_GREATEST = 127
_SMALLEST_SCALE = 1e-8


@dataclass(frozen=True, slots=True)
class QuantisedLinear:
    """A matrix product of an input that is quantised with `scale` and `zero_point`.

    `weight` is int8 [outputs, inputs]; its true values are `weight_scales` [outputs] times those.
    """

    weight: Tensor
    weight_scales: Tensor
    bias: Tensor
    scale: float
    zero_point: int


@dataclass(frozen=True, slots=True)
class QuantisedLayer:
    """One layer; see `LayerWeights`."""

    projection: QuantisedLinear
    attention_output: QuantisedLinear
    attention_norm: Norm
    intermediate: QuantisedLinear
    output: QuantisedLinear
    output_norm: Norm

    @property
    def linears(self) -> tuple[QuantisedLinear, ...]:
        """The matrix products in the order in which they are computed."""
        return (self.projection, self.attention_output, self.intermediate, self.output)


def quantise_norm(weights: EncoderWeights, ranges: Sequence[LayerRanges]) -> Norm:
    """Return the normalisation before the first layer."""
    return _less(weights.norm, ranges[0].projection.mean)


def quantise_layers(weights: EncoderWeights, ranges: Sequence[LayerRanges]) -> Iterator[QuantisedLayer]:
    """Yield the layers, each made when it is its turn."""
    # What the last layer passes on is nobody's quantised input.
    nothing = torch.zeros_like(ranges[0].projection.mean)
    following = [*(layer.projection.mean for layer in ranges[1:]), nothing]
    for layer, own, mean in zip(weights.layers, ranges, following, strict=True):
        yield _quantise_layer(layer, own, mean)


def _quantise_layer(layer: LayerWeights, ranges: LayerRanges, following: Tensor) -> QuantisedLayer:
    """Quantise a layer; `following` are the means of the next layer's first input."""
    before, mixed, middle = ranges.projection.mean, ranges.attention_output.mean, ranges.intermediate.mean
    # The shares of a token's attention have the sum one: what the values lack, their mixture lacks.
    lacking = torch.cat([torch.zeros(2 * len(mixed)), mixed])
    return QuantisedLayer(
        projection=_quantise(layer.projection, ranges.projection, layer.projection.weight @ before - lacking),
        attention_output=_quantise(
            layer.attention_output, ranges.attention_output, layer.attention_output.weight @ mixed + before
        ),
        attention_norm=_less(layer.attention_norm, middle),
        intermediate=_quantise(layer.intermediate, ranges.intermediate, layer.intermediate.weight @ middle),
        output=_quantise(layer.output, ranges.output, middle),
        output_norm=_less(layer.output_norm, following),
    )


def _less(norm: Norm, mean: Tensor) -> Norm:
    return Norm(weight=norm.weight, bias=norm.bias - mean, epsilon=norm.epsilon)


def _quantise(linear: Linear, inputs: Range, missing: Tensor) -> QuantisedLinear:
    """Quantise a weight; `missing` is added to the bias."""
    scales = linear.weight.abs().amax(dim=1).clamp(min=_SMALLEST_SCALE) / _GREATEST
    weight = (linear.weight / scales[:, None]).round().clamp(-_GREATEST, _GREATEST).to(torch.int8)
    return QuantisedLinear(
        weight=weight,
        weight_scales=scales,
        bias=linear.bias + missing,
        scale=inputs.scale,
        zero_point=inputs.zero_point,
    )
