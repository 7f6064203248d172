"""The model of the task `text-entities` as it is trained: one encoder, one label for the text, and its entities.

A version is a directory with `config.json` and `model.safetensors`, as this model's `save_pretrained` writes them, and
`tokenizer.json`. Labels are identified by their place in the configuration's lists, which therefore never changes
within a model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from pathlib import Path
from typing import NamedTuple, TypedDict

import torch
from tokenizers import Encoding, Tokenizer
from torch import nn
from transformers.models.bert.configuration_bert import BertConfig
from transformers.models.bert.modeling_bert import BertModel, BertPreTrainedModel

from sluice_predictor.tasks.spans import Entity, decode_entities

TASK = "text-entities"
ENTITY_TYPES = ("amount", "account", "counterparty", "date")
ENTITY_LABELS = ("O", *(f"{mark}-{kind}" for kind in ENTITY_TYPES for mark in "BI"))
"""Tags in BIO form: `B-` opens an entity, `I-` continues it, `O` is outside."""


class Prediction(TypedDict):
    """What is found in one text; `score` is the probability of `label`."""

    label: str
    score: float
    entities: list[Entity]


class TextEntitiesConfig(BertConfig):  # type: ignore[no-untyped-call]
    """A BERT configuration with the names of what the two heads answer, in the order of their outputs."""

    model_type = "sluice-text-entities"

    labels: list[str] = field(default_factory=list)
    entity_labels: list[str] = field(default_factory=lambda: list(ENTITY_LABELS))


class TextEntitiesLogits(NamedTuple):
    """`label` has shape [batch, labels]; `entity` has shape [batch, tokens, entity labels]."""

    label: torch.Tensor
    entity: torch.Tensor


class TextEntitiesModel(BertPreTrainedModel):  # type: ignore[no-untyped-call]
    """A BERT encoder with a head on the mean of all tokens and a head on each token."""

    config: TextEntitiesConfig
    config_class = TextEntitiesConfig
    base_model_prefix = "encoder"

    def __init__(self, config: TextEntitiesConfig) -> None:
        super().__init__(config)
        self.encoder = BertModel(config, add_pooling_layer=False)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.label_head = nn.Linear(config.hidden_size, len(config.labels))
        self.entity_head = nn.Linear(config.hidden_size, len(config.entity_labels))
        self.post_init()  # type: ignore[no-untyped-call]

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> TextEntitiesLogits:
        """Answer both heads for a padded batch; tokens whose mask is 0 have no influence on the label.

        Raises:
            IndexError: a token id has no row in the embedding table.
        """
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        hidden = self.dropout(hidden)
        weight = attention_mask.unsqueeze(-1).to(hidden.dtype)
        mean = (hidden * weight).sum(dim=1) / weight.sum(dim=1).clamp(min=1)
        return TextEntitiesLogits(label=self.label_head(mean), entity=self.entity_head(hidden))


def load_tokenizer(directory: Path, *, max_tokens: int) -> Tokenizer:
    """Read `tokenizer.json`, set to cut texts after `max_tokens` tokens and to pad none."""
    tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
    tokenizer.enable_truncation(max_length=max_tokens)
    tokenizer.no_padding()
    return tokenizer


def pad(encodings: Sequence[Encoding], *, pad_token_id: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Make `input_ids` and `attention_mask`, both [batch, longest], of encoded texts.

    A text without tokens becomes one of padding, as nothing has no encoding.
    """
    rows = [encoding.ids or [pad_token_id] for encoding in encodings]
    longest = max(map(len, rows))
    ids = [row + [pad_token_id] * (longest - len(row)) for row in rows]
    mask = [[1] * len(row) + [0] * (longest - len(row)) for row in rows]
    return torch.tensor(ids), torch.tensor(mask)


def predict(model: TextEntitiesModel, tokenizer: Tokenizer, texts: Sequence[str]) -> list[Prediction]:
    """Answer a batch of texts, in their order.

    Raises:
        IndexError: the tokenizer made an id for which the model has no embedding.
    """
    encodings = tokenizer.encode_batch(list(texts))
    ids, mask = pad(encodings, pad_token_id=model.config.pad_token_id or 0)
    with torch.inference_mode():
        logits = model(ids, mask)
        label_scores, labels = logits.label.softmax(dim=-1).max(dim=-1)
        tag_scores, tags = logits.entity.softmax(dim=-1).max(dim=-1)
    return [
        Prediction(
            label=model.config.labels[int(labels[row])],
            score=float(label_scores[row]),
            entities=decode_entities(
                text,
                offsets=encoding.offsets,
                tags=[model.config.entity_labels[tag] for tag in tags[row, : len(encoding.ids)].tolist()],
                scores=tag_scores[row, : len(encoding.ids)].tolist(),
            ),
        )
        for row, (text, encoding) in enumerate(zip(texts, encodings, strict=True))
    ]
