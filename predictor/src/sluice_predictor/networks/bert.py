"""A BERT encoder's forward pass in plain torch, over texts laid end to end.

Nothing is padded: the linear layers see only real tokens, and attention runs text by text. The library that trained
the weights is not needed, which halves the time from start to ready.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class BertShape:
    """The sizes of an encoder, named as in a Hugging Face configuration."""

    vocab_size: int
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    intermediate_size: int
    max_position_embeddings: int
    type_vocab_size: int
    layer_norm_eps: float

    def tensors(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every tensor that the encoder consists of, by name."""
        hidden, inner = self.hidden_size, self.intermediate_size
        shapes: dict[str, tuple[int, ...]] = {
            "embeddings.word_embeddings.weight": (self.vocab_size, hidden),
            "embeddings.position_embeddings.weight": (self.max_position_embeddings, hidden),
            "embeddings.token_type_embeddings.weight": (self.type_vocab_size, hidden),
        }
        linears: dict[str, tuple[int, int]] = {}
        norms = ["embeddings.LayerNorm"]
        for number in range(self.num_hidden_layers):
            layer = f"encoder.layer.{number}"
            for part in ("self.query", "self.key", "self.value", "output.dense"):
                linears[f"{layer}.attention.{part}"] = (hidden, hidden)
            linears[f"{layer}.intermediate.dense"] = (inner, hidden)
            linears[f"{layer}.output.dense"] = (hidden, inner)
            norms += [f"{layer}.attention.output.LayerNorm", f"{layer}.output.LayerNorm"]
        for name, shape in linears.items():
            shapes |= {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
        for name in norms:
            shapes |= {f"{name}.weight": (hidden,), f"{name}.bias": (hidden,)}
        return shapes


class Bert:
    """An encoder with its weights."""

    def __init__(self, shape: BertShape, weights: Mapping[str, Tensor]) -> None:
        """Take the tensors that `shape.tensors()` names out of `weights`."""
        self._shape = shape
        self._weights = {name: weights[name] for name in shape.tensors()}
        # Every text is one segment of type 0, so its embedding is part of the position's.
        types = self._weights["embeddings.token_type_embeddings.weight"]
        self._places = self._weights["embeddings.position_embeddings.weight"] + types[0]

    def encode(self, ids: Sequence[Sequence[int]]) -> Tensor:
        """Return the hidden state of every token of all texts, [tokens, hidden], text after text.

        Args:
            ids: token ids of each text, at least one and at most as many as there are positions.

        Raises:
            IndexError: an id has no row in the embedding table.
        """
        lengths = [len(text) for text in ids]
        flat = torch.tensor([token for text in ids for token in text])
        words = functional.embedding(flat, self._weights["embeddings.word_embeddings.weight"])
        places = torch.cat([self._places[:length] for length in lengths])
        hidden = self._norm(words + places, "embeddings.LayerNorm")
        for number in range(self._shape.num_hidden_layers):
            hidden = self._layer(hidden, lengths, f"encoder.layer.{number}")
        return hidden

    def _layer(self, hidden: Tensor, lengths: Sequence[int], name: str) -> Tensor:
        attended = self._attention(hidden, lengths, f"{name}.attention.self")
        attended = self._linear(attended, f"{name}.attention.output.dense")
        hidden = self._norm(hidden + attended, f"{name}.attention.output.LayerNorm")
        inner = functional.gelu(self._linear(hidden, f"{name}.intermediate.dense"))
        return self._norm(hidden + self._linear(inner, f"{name}.output.dense"), f"{name}.output.LayerNorm")

    def _attention(self, hidden: Tensor, lengths: Sequence[int], name: str) -> Tensor:
        heads = self._shape.num_attention_heads
        projected = (self._linear(hidden, f"{name}.{part}") for part in ("query", "key", "value"))
        by_head = (part.view(len(hidden), heads, -1).transpose(0, 1) for part in projected)
        query, key, value = (torch.split(part, list(lengths), dim=1) for part in by_head)
        texts = [
            functional.scaled_dot_product_attention(q[None], k[None], v[None])[0]
            for q, k, v in zip(query, key, value, strict=True)
        ]
        return torch.cat(texts, dim=1).transpose(0, 1).reshape(hidden.shape)

    def _linear(self, hidden: Tensor, name: str) -> Tensor:
        return functional.linear(hidden, self._weights[f"{name}.weight"], self._weights[f"{name}.bias"])

    def _norm(self, hidden: Tensor, name: str) -> Tensor:
        weight, bias = self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]
        return functional.layer_norm(hidden, weight.shape, weight, bias, self._shape.layer_norm_eps)
