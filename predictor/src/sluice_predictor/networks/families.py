"""The BERT family: one encoder under several names.

BERT, RoBERTa, XLM-RoBERTa and DistilBERT differ in what their files call the same tensors and in where positions
begin. Here their configurations and tensors become one description, which the packed encoder runs at any precision.
What else a configuration may say (relative positions, a decoder) is not described, and is left to the fallback.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor, cat

from sluice_predictor.artifact import ArtifactError
from sluice_predictor.networks.weights import Linear, Weights

Activation = Literal["gelu", "gelu_tanh", "relu"]
Size = Annotated[int, Field(ge=1, le=1 << 24)]

_ACTIVATIONS: Mapping[str, Activation] = {
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "relu": "relu",
}


@dataclass(frozen=True, slots=True)
class Norm:
    """A layer normalisation."""

    weight: Tensor
    bias: Tensor
    epsilon: float


@dataclass(frozen=True, slots=True)
class LayerWeights:
    """One layer; the projection's outputs are all queries, then all keys, then all values.

    The queries are scaled already by one over the root of a head's width.
    """

    projection: Linear
    attention_output: Linear
    attention_norm: Norm
    intermediate: Linear
    output: Linear
    output_norm: Norm


@dataclass(frozen=True, slots=True)
class EncoderWeights:
    """An encoder; `places[i]` is what is added to the word embedding of a text's token number i."""

    words: Tensor
    places: Tensor
    norm: Norm
    layers: Sequence[LayerWeights]
    heads: int
    activation: Activation


class EncoderShape(BaseModel):
    """The sizes of an encoder and what its family calls its parts."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, populate_by_name=True)

    family: Literal["bert", "roberta", "distilbert"]
    prefix: str
    vocab_size: Size
    hidden_size: Annotated[Size, Field(alias="dim")]
    num_hidden_layers: Annotated[int, Field(ge=1, le=1000, alias="n_layers")]
    num_attention_heads: Annotated[Size, Field(alias="n_heads")]
    intermediate_size: Annotated[Size, Field(alias="hidden_dim")]
    max_position_embeddings: Size
    type_vocab_size: Annotated[int, Field(ge=0)] = 0
    layer_norm_eps: float = 1e-12
    hidden_act: Annotated[str, Field(alias="activation")]
    pad_token_id: Annotated[int, Field(ge=0)] | None = 0

    @property
    def first_position(self) -> int:
        """The row of the position table that a text's first token has; RoBERTa's count from behind its padding."""
        return (self.pad_token_id or 0) + 1 if self.family == "roberta" else 0

    @property
    def max_tokens(self) -> int:
        """How many tokens of a text there are positions for."""
        return self.max_position_embeddings - self.first_position


_FAMILIES: Mapping[str, tuple[str, str]] = {
    "bert": ("bert", "bert."),
    "roberta": ("roberta", "roberta."),
    "xlm-roberta": ("roberta", "roberta."),
    "camembert": ("roberta", "roberta."),
    "distilbert": ("distilbert", "distilbert."),
    "sluice-text-entities": ("bert", "encoder."),
}
"""By the configuration's model_type: the family, and what the encoder's tensors are called inside a larger model."""


def encoder_shape(config: Mapping[str, Any]) -> EncoderShape | None:
    """Return the shape of the encoder that a configuration describes, or None if the packed encoder cannot be it.

    Raises:
        ArtifactError: the configuration is of the family, but something in it is missing or wrong.
    """
    family, prefix = _FAMILIES.get(str(config.get("model_type")), (None, ""))
    absolute = config.get("position_embedding_type", "absolute") == "absolute"
    if family is None or not absolute or config.get("is_decoder") or config.get("add_cross_attention"):
        return None
    known = {key: value for key, value in config.items() if key not in {"family", "prefix"}}
    try:
        shape = EncoderShape.model_validate(known | {"family": family, "prefix": prefix})
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, problem["loc"]))
        raise ArtifactError(f"config.json: {place}: {problem['msg']}") from error
    if shape.hidden_size % shape.num_attention_heads:
        raise ArtifactError("config.json: hidden_size is not a multiple of num_attention_heads")
    if shape.max_tokens < 1:
        raise ArtifactError("config.json: max_position_embeddings leaves no position for a token")
    return shape if shape.hidden_act in _ACTIVATIONS else None


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
class _Reader:
    weights: Weights
    shape: EncoderShape
    prefix: str

    def linear(self, name: str, outputs: int, inputs: int) -> Linear:
        return self.weights.take_linear(self.prefix + name, outputs, inputs)

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
        layers=[_layer(reader, names, f"{names.layer}.{number}.") for number in range(shape.num_hidden_layers)],
        heads=shape.num_attention_heads,
        activation=_ACTIVATIONS[shape.hidden_act],
    )


def _layer(reader: _Reader, names: _Names, prefix: str) -> LayerWeights:
    hidden, inner = reader.shape.hidden_size, reader.shape.intermediate_size
    query, key, value = (reader.linear(prefix + part, hidden, hidden) for part in (names.query, names.key, names.value))
    scale = (hidden // reader.shape.num_attention_heads) ** -0.5
    return LayerWeights(
        projection=Linear(
            weight=cat([query.weight * scale, key.weight, value.weight]),
            bias=cat([query.bias * scale, key.bias, value.bias]),
        ),
        attention_output=reader.linear(prefix + names.attention_output, hidden, hidden),
        attention_norm=reader.norm(prefix + names.attention_norm),
        intermediate=reader.linear(prefix + names.intermediate, inner, hidden),
        output=reader.linear(prefix + names.output, hidden, inner),
        output_norm=reader.norm(prefix + names.output_norm),
    )
