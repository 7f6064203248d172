"""The packed encoder in float32 and bfloat16.

Where torch has oneDNN its kernels are used directly, on weights that are laid out for them once; they also apply the
activation and add the residual. A matrix product runs there at twice the speed of torch's default one, on some CPUs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional

from sluice_predictor.networks.attention import attend, embed, first_of_each, script
from sluice_predictor.networks.families import EncoderWeights, LayerWeights
from sluice_predictor.networks.packed import Rows, asked, filled_up, in_passes, lay_out
from sluice_predictor.networks.weights import Linear


def _linear(states: Tensor, weight: Tensor, bias: Tensor, packed: bool, activation: str) -> Tensor:
    if packed:
        if activation == "gelu_tanh":
            return torch.ops.mkldnn._linear_pointwise(states, weight, bias, "gelu", [], "tanh")  # type: ignore[no-any-return]
        if activation == "gelu":
            return torch.ops.mkldnn._linear_pointwise(states, weight, bias, "gelu", [], "none")  # type: ignore[no-any-return]
        return torch.ops.mkldnn._linear_pointwise(states, weight, bias, activation, [], "")  # type: ignore[no-any-return]
    result = functional.linear(states, weight, bias)
    if activation == "gelu_tanh":
        return functional.gelu(result, approximate="tanh")
    if activation == "gelu":
        return functional.gelu(result)
    return functional.relu(result) if activation == "relu" else result


def _linear_and_add(states: Tensor, weight: Tensor, bias: Tensor, residual: Tensor, packed: bool) -> Tensor:
    if packed:
        return torch.ops.mkldnn._linear_pointwise(states, residual, weight, bias, "add")  # type: ignore[no-any-return]
    return functional.linear(states, weight, bias) + residual


def _layer(
    states: Tensor,
    lengths: list[int],
    heads: int,
    first: bool,
    tensors: list[Tensor],
    epsilon: float,
    activation: str,
    packed: bool,
) -> Tensor:
    hidden = [states.size(1)]
    projected = _linear(states, tensors[0], tensors[1], packed, "none")
    # A CPU multiplies small matrices faster in float32, and it costs no accuracy.
    mixed = attend(projected if projected.is_cuda else projected.float(), lengths, heads, first).to(states.dtype)
    if first:
        states = first_of_each(states, lengths)
    states = _linear_and_add(mixed, tensors[2], tensors[3], states, packed)
    states = torch.layer_norm(states, hidden, tensors[4], tensors[5], epsilon)
    inner = _linear(states, tensors[6], tensors[7], packed, activation)
    states = _linear_and_add(inner, tensors[8], tensors[9], states, packed)
    return torch.layer_norm(states, hidden, tensors[10], tensors[11], epsilon)


def _encode(
    ids: Tensor,
    lengths: list[int],
    heads: int,
    first: bool,
    tables: list[Tensor],
    layers: list[list[Tensor]],
    epsilon: float,
    activation: str,
    packed: bool,
) -> Tensor:
    states = embed(ids, lengths, tables, epsilon)
    for number, tensors in enumerate(layers):
        last = number == len(layers) - 1
        states = _layer(states, lengths, heads, first and last, tensors, epsilon, activation, packed)
    return states.float()


@cache
def _compiled() -> Callable[..., Tensor]:
    return script(_encode)


class FloatEncoder:
    """An encoder in float32 or bfloat16, on the CPU or a GPU."""

    def __init__(self, weights: EncoderWeights, *, dtype: torch.dtype, device: torch.device) -> None:
        """Convert the weights, and lay them out."""
        self._run = _compiled()
        self._device = device
        self._packed = device.type == "cpu" and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        self._dtype = dtype
        self._layers = [self._laid_out(layer) for layer in weights.layers]
        norm = weights.norm
        self._tables = [self._moved(table) for table in (weights.words, weights.places, norm.weight, norm.bias)]
        # Not the weights themselves: their matrices are views of files that would stay mapped into memory.
        self._heads, self._epsilon, self._activation = weights.heads, norm.epsilon, weights.activation

    def encode(self, ids: Sequence[Sequence[int]], *, rows: Rows) -> Tensor:
        """Return the last states; see `Network`."""
        if self._device.type != "cpu":
            return self._encode(ids, rows)
        return in_passes(ids, lambda texts: self._encode(texts, rows), width=self._tables[0].size(1))

    def _encode(self, ids: Sequence[Sequence[int]], rows: Rows) -> Tensor:
        flat, lengths = lay_out(filled_up(ids), vocabulary=len(self._tables[0]))
        states = self._run(
            flat.to(self._device),
            lengths,
            self._heads,
            rows == "first",
            self._tables,
            self._layers,
            self._epsilon,
            self._activation,
            self._packed,
        )
        return asked(states, ids, rows=rows).cpu()

    def _laid_out(self, layer: LayerWeights) -> list[Tensor]:
        first, second = layer.attention_norm, layer.output_norm
        norms = [[self._moved(part) for part in (norm.weight, norm.bias)] for norm in (first, second)]
        projection, attended, inner, output = (
            self._pack(linear)
            for linear in (layer.projection, layer.attention_output, layer.intermediate, layer.output)
        )
        return [*projection, *attended, *norms[0], *inner, *output, *norms[1]]

    def _moved(self, tensor: Tensor) -> Tensor:
        return tensor.to(device=self._device, dtype=self._dtype)

    def _pack(self, linear: Linear) -> list[Tensor]:
        weight = self._moved(linear.weight).contiguous()
        if self._packed:
            weight = torch.ops.mkldnn._reorder_linear_weight(weight, None)
        return [weight, self._moved(linear.bias)]
