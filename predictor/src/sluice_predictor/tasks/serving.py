"""A version of the joint text task, loaded for serving from its verified files.

The network is built from `config.json` alone and filled from `model.safetensors` alone, so neither can name code to
fetch or run, and a tensor that is missing is an error and not a random number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from sluice_predictor.artifact import Artifact, ArtifactError
from sluice_predictor.networks.bert import Bert, BertShape
from sluice_predictor.tasks.base import Answer
from sluice_predictor.tasks.decoding import Names, to_answers, token_ids

_ENCODER = "encoder."

Size = Annotated[int, Field(ge=1)]


class _Config(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    model_type: Literal["sluice-text-entities"]
    hidden_act: Literal["gelu"]
    vocab_size: Size
    hidden_size: Size
    num_hidden_layers: Size
    num_attention_heads: Size
    intermediate_size: Size
    max_position_embeddings: Size
    type_vocab_size: Size
    layer_norm_eps: float
    pad_token_id: int | None
    labels: list[str]
    entity_labels: list[str]

    def shape(self) -> BertShape:
        return BertShape(
            vocab_size=self.vocab_size,
            hidden_size=self.hidden_size,
            num_hidden_layers=self.num_hidden_layers,
            num_attention_heads=self.num_attention_heads,
            intermediate_size=self.intermediate_size,
            max_position_embeddings=self.max_position_embeddings,
            type_vocab_size=self.type_vocab_size,
            layer_norm_eps=self.layer_norm_eps,
        )


@dataclass(frozen=True, slots=True)
class _Head:
    weight: Tensor
    bias: Tensor

    def __call__(self, hidden: Tensor) -> Tensor:
        return functional.linear(hidden, self.weight, self.bias)


@dataclass(frozen=True, slots=True)
class TextEntities:
    """A loaded version of the task, ready to answer."""

    encoder: Bert
    label_head: _Head
    entity_head: _Head
    tokenizer: Tokenizer
    names: Names
    pad_token_id: int
    warm_up_tokens: int
    engine: str = "torch"
    precision: str = "fp32"

    def warm_up(self) -> None:
        """Tokenize, then pass padding through the model: no text can be relied on to suit a faulty tokenizer."""
        self.tokenizer.encode_batch(["warm-up"])
        self._forward([[self.pad_token_id] * self.warm_up_tokens])

    def answer(self, texts: Sequence[str]) -> list[Answer]:
        encodings = self.tokenizer.encode_batch(list(texts))
        ids = [token_ids(encoding, pad_token_id=self.pad_token_id) for encoding in encodings]
        label_logits, entity_logits = self._forward(ids)
        return to_answers(texts, encodings, label_logits=label_logits, entity_logits=entity_logits, names=self.names)

    def _forward(self, ids: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
        with torch.inference_mode():
            hidden = self.encoder.encode(ids)
            means = torch.stack([text.mean(dim=0) for text in torch.split(hidden, [len(text) for text in ids])])
            return self.label_head(means), self.entity_head(hidden)


def load(artifact: Artifact) -> TextEntities:
    """Load a verified version.

    Raises:
        ArtifactError: a file does not hold what the task needs; the message names the file.
    """
    directory = artifact.directory
    with _blaming("config.json"):
        config = _Config.model_validate_json((directory / "config.json").read_bytes())
        if config.labels != artifact.manifest.labels:
            raise ValueError("its labels are not those of sluice.json")
    with _blaming("model.safetensors"):
        weights = _load_weights(directory / "model.safetensors", config)
    with _blaming("tokenizer.json"):
        tokenizer = load_tokenizer(directory, max_tokens=config.max_position_embeddings)
    encoder = {name.removeprefix(_ENCODER): tensor for name, tensor in weights.items()}
    return TextEntities(
        encoder=Bert(config.shape(), encoder),
        label_head=_Head(weights["label_head.weight"], weights["label_head.bias"]),
        entity_head=_Head(weights["entity_head.weight"], weights["entity_head.bias"]),
        tokenizer=tokenizer,
        names=Names(labels=config.labels, entity_labels=config.entity_labels),
        pad_token_id=config.pad_token_id or 0,
        warm_up_tokens=min(32, config.max_position_embeddings),
    )


def load_tokenizer(directory: Path, *, max_tokens: int) -> Tokenizer:
    """Read `tokenizer.json`, set to cut texts after `max_tokens` tokens and to pad none."""
    tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
    tokenizer.enable_truncation(max_length=max_tokens)
    tokenizer.no_padding()
    return tokenizer


def _load_weights(path: Path, config: _Config) -> dict[str, Tensor]:
    expected = {_ENCODER + name: shape for name, shape in config.shape().tensors().items()}
    for head, width in (("label_head", len(config.labels)), ("entity_head", len(config.entity_labels))):
        expected |= {f"{head}.weight": (width, config.hidden_size), f"{head}.bias": (width,)}
    weights: dict[str, Tensor] = load_file(path)
    if difference := sorted(expected.keys() ^ weights.keys()):
        problem = "missing" if difference[0] in expected else "not part of the model that config.json describes"
        raise ValueError(f"tensor {difference[0]} is {problem}")
    for name, shape in expected.items():
        if tuple(weights[name].shape) != shape:
            raise ValueError(f"tensor {name} has shape {tuple(weights[name].shape)}, config.json says {shape}")
    return {name: tensor.float() for name, tensor in weights.items()}


@contextmanager
def _blaming(name: str) -> Iterator[None]:
    """Turn whatever a parser raises into one line that names the file it read."""
    try:
        yield
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, problem["loc"]))
        raise ArtifactError(f"{name}: {place}: {problem['msg']}") from error
    except Exception as error:
        summary = " ".join(str(error).split())[:300]
        raise ArtifactError(f"{name}: {summary or type(error).__name__}") from error
