"""The BERT family: one encoder under several names.

BERT, RoBERTa, XLM-RoBERTa and DistilBERT differ in what their files call the same tensors and in where positions
begin. Here their configurations become one shape, and what holds their tensors has one form, which the packed encoder
runs at any precision. What else a configuration may say (relative positions, a decoder) is left to the fallback.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor

from sluice_predictor.artifact import ArtifactError
from sluice_predictor.networks.weights import Linear

Activation = Literal["gelu", "gelu_tanh", "relu"]
Size = Annotated[int, Field(ge=1, le=1 << 24)]

ACTIVATIONS: Mapping[str, Activation] = {
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


class Layers(Protocol):
    """The layers in their order, each put together anew when its turn comes: whoever keeps one keeps a copy."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[LayerWeights]: ...


@dataclass(frozen=True, slots=True)
class EncoderWeights:
    """An encoder; `places[i]` is what is added to the word embedding of a text's token number i."""

    words: Tensor
    places: Tensor
    norm: Norm
    layers: Layers
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
    return shape if shape.hidden_act in ACTIVATIONS else None
