"""An encoder's tensors, out of the files of any family, as the packed encoder wants them.

The files are mapped into memory. What is copied is small; a layer's matrices are joined and converted when it is its
turn, so that loading never holds a second encoder in float32.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor, cat

from sluice_predictor.networks.families import ACTIVATIONS, EncoderShape, EncoderWeights, LayerWeights, Norm
from sluice_predictor.networks.weights import Linear, Weights


@dataclass(frozen=True, slots=True)
class _Names:
    """What a family calls the parts of a layer, behind the layer's number."""

    layer: str
    query: str
    key: str
    value: str
    attention_output: str
    attention_norm: str
    intermediate: str
    output: str
    output_norm: str


_BERT = _Names(
    layer="encoder.layer",
    query="attention.self.query",
    key="attention.self.key",
    value="attention.self.value",
    attention_output="attention.output.dense",
    attention_norm="attention.output.LayerNorm",
    intermediate="intermediate.dense",
    output="output.dense",
    output_norm="output.LayerNorm",
)
_DISTILBERT = _Names(
    layer="transformer.layer",
    query="attention.q_lin",
    key="attention.k_lin",
    value="attention.v_lin",
    attention_output="attention.out_lin",
    attention_norm="sa_layer_norm",
    intermediate="ffn.lin1",
    output="ffn.lin2",
    output_norm="output_layer_norm",
)


@dataclass(frozen=True, slots=True)
class _Layer:
    """A layer as the file has it: its matrices are views."""

    query: Linear
    key: Linear
    value: Linear
    attention_output: Linear
    attention_norm: Norm
    intermediate: Linear
    output: Linear
    output_norm: Norm


@dataclass(frozen=True, slots=True)
class _Layers:
    layers: Sequence[_Layer]
    scale: float

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[LayerWeights]:
        for layer in self.layers:
            query, key, value = layer.query, layer.key, layer.value
            yield LayerWeights(
                projection=Linear(
                    weight=cat([query.weight.float() * self.scale, key.weight.float(), value.weight.float()]),
                    bias=cat([query.bias * self.scale, key.bias, value.bias]),
                ),
                attention_output=_in_float32(layer.attention_output),
                attention_norm=layer.attention_norm,
                intermediate=_in_float32(layer.intermediate),
                output=_in_float32(layer.output),
                output_norm=layer.output_norm,
            )


def _in_float32(linear: Linear) -> Linear:
    return Linear(weight=linear.weight.float(), bias=linear.bias)


@dataclass(frozen=True, slots=True)
class _Reader:
    weights: Weights
    shape: EncoderShape
    prefix: str

    def linear(self, name: str, outputs: int, inputs: int) -> Linear:
        name = self.prefix + name
        return Linear(self.weights.view(f"{name}.weight", outputs, inputs), self.weights.take(f"{name}.bias", outputs))

    def norm(self, name: str) -> Norm:
        size, name = self.shape.hidden_size, self.prefix + name
        weight, bias = self.weights.take(f"{name}.weight", size), self.weights.take(f"{name}.bias", size)
        return Norm(weight=weight, bias=bias, epsilon=self.shape.layer_norm_eps)

    def table(self, name: str, rows: int) -> Tensor:
        return self.weights.take(f"{self.prefix}embeddings.{name}.weight", rows, self.shape.hidden_size)


def take_encoder(shape: EncoderShape, weights: Weights) -> EncoderWeights:
    """Take the encoder's tensors, whether they are the whole model or a part of a larger one.

    Raises:
        ArtifactError: one is missing or wrong.
    """
    bare = "embeddings.word_embeddings.weight" in weights
    reader = _Reader(weights=weights, shape=shape, prefix="" if bare else shape.prefix)
    places = reader.table("position_embeddings", shape.max_position_embeddings)[shape.first_position :]
    if shape.type_vocab_size:
        # Every text is one segment of type 0, so its embedding is part of the position's.
        places = places + reader.table("token_type_embeddings", shape.type_vocab_size)[0]
    names = _DISTILBERT if shape.family == "distilbert" else _BERT
    return EncoderWeights(
        words=reader.table("word_embeddings", shape.vocab_size),
        places=places.contiguous(),
        norm=reader.norm("embeddings.LayerNorm"),
        layers=_Layers(
            layers=[_layer(reader, names, f"{names.layer}.{number}.") for number in range(shape.num_hidden_layers)],
            scale=(shape.hidden_size // shape.num_attention_heads) ** -0.5,
        ),
        heads=shape.num_attention_heads,
        activation=ACTIVATIONS[shape.hidden_act],
    )


def _layer(reader: _Reader, names: _Names, prefix: str) -> _Layer:
    hidden, inner = reader.shape.hidden_size, reader.shape.intermediate_size
    return _Layer(
        query=reader.linear(prefix + names.query, hidden, hidden),
        key=reader.linear(prefix + names.key, hidden, hidden),
        value=reader.linear(prefix + names.value, hidden, hidden),
        attention_output=reader.linear(prefix + names.attention_output, hidden, hidden),
        attention_norm=reader.norm(prefix + names.attention_norm),
        intermediate=reader.linear(prefix + names.intermediate, inner, hidden),
        output=reader.linear(prefix + names.output, hidden, inner),
        output_norm=reader.norm(prefix + names.output_norm),
    )
