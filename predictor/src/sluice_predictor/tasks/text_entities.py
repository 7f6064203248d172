"""The joint text task: one encoder, one label for the whole text, and the entities named in it.

A version of this task is a directory with `config.json` (this module's configuration), `model.safetensors`
and `tokenizer.json`. Labels are identified by their place in the configuration's lists, which therefore never
changes within a model. Nothing here reaches the network or runs code that came with a version.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors.torch import load_file
from tokenizers import Encoding, Tokenizer
from torch import nn
from transformers.models.bert.configuration_bert import BertConfig
from transformers.models.bert.modeling_bert import BertModel, BertPreTrainedModel

from sluice_predictor.artifact import Artifact, ArtifactError
from sluice_predictor.tasks.base import Answer, Entity, Prediction

TASK = "text-entities"
ENTITY_TYPES = ("amount", "account", "counterparty", "date")
ENTITY_LABELS = ("O", *(f"{mark}-{kind}" for kind in ENTITY_TYPES for mark in "BI"))
"""Tags in BIO form: `B-` opens an entity, `I-` continues it, `O` is outside."""


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
    """Read `tokenizer.json`, set to cut texts after `max_tokens` tokens; padding is the caller's."""
    tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
    tokenizer.enable_truncation(max_length=max_tokens)
    tokenizer.no_padding()
    return tokenizer


def pad(encodings: Sequence[Encoding], *, pad_token_id: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Make `input_ids` and `attention_mask`, both [batch, longest], of encoded texts.

    A text without tokens becomes one padding token that counts, as attention over nothing has no value.
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
    return [answer.prediction for answer in _answer(model, tokenizer, texts)]


def _answer(model: TextEntitiesModel, tokenizer: Tokenizer, texts: Sequence[str]) -> list[Answer]:
    encodings = tokenizer.encode_batch(list(texts))
    with torch.inference_mode():
        logits = model(*pad(encodings, pad_token_id=model.config.pad_token_id or 0))
        label_scores, label_ids = logits.label.softmax(dim=-1).max(dim=-1)
        tag_scores, tag_ids = logits.entity.softmax(dim=-1).max(dim=-1)
    answers = []
    for row, (text, encoding) in enumerate(zip(texts, encodings, strict=True)):
        tokens = len(encoding.ids)
        entities = decode_entities(
            text,
            offsets=encoding.offsets,
            tags=[model.config.entity_labels[tag] for tag in tag_ids[row, :tokens].tolist()],
            scores=tag_scores[row, :tokens].tolist(),
        )
        label = model.config.labels[int(label_ids[row])]
        prediction = Prediction(label=label, score=float(label_scores[row]), entities=entities)
        answers.append(Answer(prediction=prediction, tokens=tokens))
    return answers


@dataclass(slots=True)
class _Span:
    kind: str
    start: int
    end: int
    scores: list[float]


def decode_entities(
    text: str, *, offsets: Sequence[tuple[int, int]], tags: Sequence[str], scores: Sequence[float]
) -> list[Entity]:
    """Join the tags of consecutive tokens into entities, in the order of the text.

    An `I-` without an entity of its type before it opens one: a model that missed the first token has still
    found the rest. Tokens that stand for no characters, such as `[CLS]`, are passed over. An entity's score
    is the mean probability of its tokens' tags.
    """
    return [
        Entity(
            type=span.kind,
            text=text[span.start : span.end],
            start=span.start,
            end=span.end,
            score=sum(span.scores) / len(span.scores),
        )
        for span in _spans(zip(offsets, tags, scores, strict=True))
    ]


def _spans(tokens: Iterator[tuple[tuple[int, int], str, float]]) -> Iterator[_Span]:
    current: _Span | None = None
    for (start, end), tag, score in tokens:
        if start == end:
            continue
        mark, _, kind = tag.partition("-")
        if current is not None and mark == "I" and current.kind == kind:
            current.end = end
            current.scores.append(score)
            continue
        if current is not None:
            yield current
        current = None if mark == "O" else _Span(kind=kind, start=start, end=end, scores=[score])
    if current is not None:
        yield current


@dataclass(frozen=True, slots=True)
class TextEntities:
    """A loaded version of the task, ready to answer."""

    model: TextEntitiesModel
    tokenizer: Tokenizer
    engine: str = "torch"
    precision: str = "fp32"

    def warm_up(self) -> None:
        """Tokenize, then pass padding through the model: no text can be relied on to suit a faulty tokenizer."""
        self.tokenizer.encode_batch(["warm-up"])
        tokens = min(32, self.model.config.max_position_embeddings)
        ids = torch.full((1, tokens), self.model.config.pad_token_id or 0)
        with torch.inference_mode():
            self.model(ids, torch.ones_like(ids))

    def answer(self, texts: Sequence[str]) -> list[Answer]:
        return _answer(self.model, self.tokenizer, texts)


def load(artifact: Artifact) -> TextEntities:
    """Load a verified version.

    Raises:
        ArtifactError: a file does not hold what the task needs; the message names the file.
    """
    directory = artifact.directory
    with _blaming("config.json"):
        config = TextEntitiesConfig.from_dict(json.loads((directory / "config.json").read_bytes()))
        if config.labels != artifact.manifest.labels:
            raise ValueError("its labels are not those of sluice.json")
        # A configuration may name an attention kernel, which the library would then fetch and run.
        config._attn_implementation = "sdpa"
        model = TextEntitiesModel(config)
    with _blaming("model.safetensors"):
        # The library's own loader fills what is missing with random numbers and only warns.
        model.load_state_dict(load_file(directory / "model.safetensors"), strict=True)
    with _blaming("tokenizer.json"):
        tokenizer = load_tokenizer(directory, max_tokens=config.max_position_embeddings)
    model.eval()  # type: ignore[no-untyped-call]
    return TextEntities(model=model, tokenizer=tokenizer)


@contextmanager
def _blaming(name: str) -> Iterator[None]:
    """Turn whatever a parser raises into one line that names the file it read."""
    try:
        yield
    except Exception as error:
        summary = " ".join(str(error).split())[:300]
        raise ArtifactError(f"{name}: {summary or type(error).__name__}") from error
