"""The BERT family's forward pass over texts laid end to end.

Nothing is padded: the linear layers see only real tokens, and attention runs text by text. When a task looks at
each text's first token only, the last layer computes no other. The weights are packed once for oneDNN's kernels
where torch has them, which also apply the activation and add the residual.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from sluice_predictor.networks.families import Activation, EncoderWeights, LayerWeights, Norm
from sluice_predictor.networks.weights import Linear

Rows = Literal["all", "first"]
"""Which tokens of each text the states are wanted of."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where each text lies among the tokens: `starts[i]` is the place of the first of its `lengths[i]` tokens."""

    lengths: Sequence[int]
    starts: Sequence[int]


class Layer(Protocol):
    """One layer at one precision."""

    def __call__(self, hidden: Tensor, layout: Layout, rows: Rows) -> Tensor:
        """Map states [tokens, hidden] to states of the wanted rows, [tokens or texts, hidden]."""


class PackedEncoder:
    """An encoder at one precision."""

    def __init__(self, weights: EncoderWeights, layers: Sequence[Layer], *, dtype: torch.dtype) -> None:
        """Take what all precisions share from `weights`, and the layers as they are."""
        self._words = weights.words.to(dtype)
        self._places = weights.places.to(dtype)
        self._norm = norm_at(weights.norm, dtype)
        self._layers = layers

    def encode(self, ids: Sequence[Sequence[int]], *, rows: Rows) -> Tensor:
        """Return the last states in float32: of all tokens, text after text, or of each text's first.

        Args:
            ids: token ids of each text, at least one and at most as many as there are positions.
            rows: which states.

        Raises:
            IndexError: an id has no row in the embedding table.
        """
        lengths = [len(text) for text in ids]
        layout = Layout(lengths=lengths, starts=[0, *accumulate(lengths[:-1])])
        flat = torch.tensor([token for text in ids for token in text])
        words = functional.embedding(flat, self._words)
        hidden = normalise(words.add_(torch.cat([self._places[:length] for length in lengths])), self._norm)
        for layer in self._layers[:-1]:
            hidden = layer(hidden, layout, "all")
        return self._layers[-1](hidden, layout, rows).float()


def attention(projected: Tensor, layout: Layout, *, heads: int, rows: Rows) -> Tensor:
    """Attend within each text.

    Args:
        projected: queries, keys and values, [tokens, 3 * hidden].
        layout: of the texts.
        heads: number of attention heads.
        rows: whose queries ask.

    Returns:
        [tokens, hidden], or [texts, hidden] for the first tokens.
    """
    tokens, width = projected.shape
    by_head = projected.view(tokens, 3, heads, -1).permute(1, 2, 0, 3)
    asked = 1 if rows == "first" else tokens
    texts = []
    for query, key, value in zip(
        *(torch.split(part, list(layout.lengths), dim=1) for part in by_head.unbind(0)), strict=True
    ):
        mixed = functional.scaled_dot_product_attention(query[None, :, :asked], key[None], value[None])
        texts.append(mixed[0].transpose(0, 1))
    return torch.cat(texts).view(-1, width // 3)


def normalise(hidden: Tensor, norm: Norm) -> Tensor:
    """Normalise the states of each token."""
    return functional.layer_norm(hidden, norm.weight.shape, norm.weight, norm.bias, norm.epsilon)


def norm_at(norm: Norm, dtype: torch.dtype) -> Norm:
    """Return a normalisation with parameters of another type."""
    return Norm(weight=norm.weight.to(dtype), bias=norm.bias.to(dtype), epsilon=norm.epsilon)


class _FloatLinear:
    def __init__(self, linear: Linear, *, dtype: torch.dtype, activation: Activation | None = None) -> None:
        self._weight = linear.weight.to(dtype).contiguous()
        self._bias = linear.bias.to(dtype)
        self._activation = activation

    def __call__(self, hidden: Tensor) -> Tensor:
        result = functional.linear(hidden, self._weight, self._bias)
        return result if self._activation is None else activate(result, self._activation)


def activate(hidden: Tensor, activation: Activation) -> Tensor:
    """Apply an activation function."""
    if activation == "relu":
        return functional.relu(hidden)
    return functional.gelu(hidden, approximate="tanh" if activation == "gelu_tanh" else "none")


class FloatLayer:
    """A layer in float32 or bfloat16."""

    def __init__(self, weights: LayerWeights, *, heads: int, activation: Activation, dtype: torch.dtype) -> None:
        """Convert the weights."""
        self._heads = heads
        self._projection = _FloatLinear(weights.projection, dtype=dtype)
        self._attention_output = _FloatLinear(weights.attention_output, dtype=dtype)
        self._attention_norm = norm_at(weights.attention_norm, dtype)
        self._intermediate = _FloatLinear(weights.intermediate, dtype=dtype, activation=activation)
        self._output = _FloatLinear(weights.output, dtype=dtype)
        self._output_norm = norm_at(weights.output_norm, dtype)

    def __call__(self, hidden: Tensor, layout: Layout, rows: Rows) -> Tensor:
        mixed = attention(self._projection(hidden), layout, heads=self._heads, rows=rows)
        if rows == "first":
            hidden = hidden[list(layout.starts)]
        hidden = normalise(hidden + self._attention_output(mixed), self._attention_norm)
        return normalise(hidden + self._output(self._intermediate(hidden)), self._output_norm)


def float_encoder(weights: EncoderWeights, *, dtype: torch.dtype) -> PackedEncoder:
    """Return the encoder in float32 or bfloat16."""
    layers = [
        FloatLayer(layer, heads=weights.heads, activation=weights.activation, dtype=dtype) for layer in weights.layers
    ]
    return PackedEncoder(weights, layers, dtype=dtype)
