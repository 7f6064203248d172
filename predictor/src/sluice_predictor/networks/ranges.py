"""What values the inputs of an encoder's matrix products take, from which int8's scales follow.

They are fixed before the first request, so a text's answer does not depend on the texts beside it in a batch.
They come from running the encoder in float32 over texts like those that it will be asked, and hold all that was seen:
a trained network says much by few values far outside, so that cutting those off costs more than finer steps gain.

Most of what an encoder's values are is the same in every text: each channel has a mean of its own, several times the
spread of its values. So the means are taken off before quantising; a network adds them elsewhere, at no cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from sluice_predictor.networks.attention import attend, embed
from sluice_predictor.networks.families import Activation, EncoderWeights, LayerWeights, Norm
from sluice_predictor.networks.packed import lay_out

LEVELS = 255
"""The greatest number that a quantised value, from 0 up, can be."""

_MOST_TOKENS = 2048
"""Ranges hardly change with more, and the time and memory that it takes to see them are bounded so."""

_SMALLEST_SCALE = 1e-8


@dataclass(frozen=True, slots=True)
class Range:
    """A value is `mean` of its channel + `scale` * (its quantised value - `zero_point`); `mean` is [channels]."""

    scale: float
    zero_point: int
    mean: Tensor


@dataclass(frozen=True, slots=True)
class LayerRanges:
    """The ranges of the inputs of a layer's four matrix products; the output's has no means, for nothing adds them."""

    projection: Range
    attention_output: Range
    intermediate: Range
    output: Range


def observe(weights: EncoderWeights, texts: Sequence[Sequence[int]]) -> list[LayerRanges]:
    """Return every layer's ranges over calibration texts, given as their token ids.

    Of many texts only the first are used, some thousand tokens of them.

    Raises:
        ValueError: there is no text.
        IndexError: an id has no row in the embedding table.
    """
    chosen = _first(texts)
    if not chosen:
        raise ValueError("int8 needs calibration texts, and there are none")
    ids, lengths = lay_out(chosen, vocabulary=len(weights.words))
    norm = weights.norm
    found = []
    with torch.inference_mode():
        states = embed(ids, lengths, [weights.words, weights.places, norm.weight, norm.bias], norm.epsilon)
        for layer in weights.layers:
            ranges, states = _observe_layer(layer, states, lengths, weights.heads, weights.activation)
            found.append(ranges)
    return found


def range_of(values: Tensor, *, centred: bool) -> Range:
    """Return the range of all of these values, [any, channels], and of zero, which has a quantised value of its own.

    Args:
        values: finite numbers.
        centred: take off each channel's mean.
    """
    mean = values.mean(dim=0) if centred else torch.zeros(values.size(1))
    rest = values - mean
    low, high = min(0.0, float(rest.min())), max(0.0, float(rest.max()))
    scale = max((high - low) / LEVELS, _SMALLEST_SCALE)
    return Range(scale=scale, zero_point=min(LEVELS, round(-low / scale)), mean=mean)


def _first(texts: Sequence[Sequence[int]]) -> list[Sequence[int]]:
    chosen: list[Sequence[int]] = []
    left = _MOST_TOKENS
    for text in texts:
        if left <= 0:
            break
        chosen.append(text)
        left -= len(text)
    return chosen


def _observe_layer(
    layer: LayerWeights, states: Tensor, lengths: list[int], heads: int, activation: Activation
) -> tuple[LayerRanges, Tensor]:
    """Return a layer's ranges and the states that it passes on."""
    projected = functional.linear(states, layer.projection.weight, layer.projection.bias)
    mixed = attend(projected, lengths, heads, False)
    attended = functional.linear(mixed, layer.attention_output.weight, layer.attention_output.bias)
    middle = _normalise(attended + states, layer.attention_norm)
    inner = _activate(functional.linear(middle, layer.intermediate.weight, layer.intermediate.bias), activation)
    output = functional.linear(inner, layer.output.weight, layer.output.bias)
    ranges = LayerRanges(
        projection=range_of(states, centred=True),
        attention_output=range_of(mixed, centred=True),
        intermediate=range_of(middle, centred=True),
        output=range_of(inner, centred=False),
    )
    return ranges, _normalise(output + middle, layer.output_norm)


def _normalise(states: Tensor, norm: Norm) -> Tensor:
    return functional.layer_norm(states, norm.weight.shape, norm.weight, norm.bias, norm.epsilon)


def _activate(values: Tensor, activation: Activation) -> Tensor:
    if activation == "relu":
        return functional.relu(values)
    return functional.gelu(values, approximate="tanh" if activation == "gelu_tanh" else "none")
