"""From logits to answers: the best label of each text, and the entities that its tokens' tags spell out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tokenizers import Encoding
from torch import Tensor

from sluice_predictor.tasks.base import Answer, Entity, Prediction

TASK = "text-entities"
ENTITY_TYPES = ("amount", "account", "counterparty", "date")
ENTITY_LABELS = ("O", *(f"{mark}-{kind}" for kind in ENTITY_TYPES for mark in "BI"))
"""Tags in BIO form: `B-` opens an entity, `I-` continues it, `O` is outside."""


@dataclass(frozen=True, slots=True)
class Names:
    """What the outputs of the two heads are called, in their order."""

    labels: Sequence[str]
    entity_labels: Sequence[str]


def token_ids(encoding: Encoding, *, pad_token_id: int) -> list[int]:
    """Return a text's token ids; a text without any becomes one padding token, as nothing has no encoding."""
    return encoding.ids or [pad_token_id]


def to_answers(
    texts: Sequence[str], encodings: Sequence[Encoding], *, label_logits: Tensor, entity_logits: Tensor, names: Names
) -> list[Answer]:
    """Decode a batch.

    Args:
        texts: what was asked.
        encodings: their tokens.
        label_logits: [texts, labels].
        entity_logits: [tokens, entity labels], the tokens of `token_ids` of all texts one after the other.
        names: of the outputs.
    """
    label_scores, label_ids = label_logits.softmax(dim=-1).max(dim=-1)
    tag_scores, tag_ids = entity_logits.softmax(dim=-1).max(dim=-1)
    tags = iter([names.entity_labels[tag] for tag in tag_ids.tolist()])
    scores = iter(tag_scores.tolist())
    answers = []
    rows = zip(texts, encodings, label_ids.tolist(), label_scores.tolist(), strict=True)
    for text, encoding, label, score in rows:
        offsets = encoding.offsets or [(0, 0)]
        entities = decode_entities(
            text, offsets=offsets, tags=[next(tags) for _ in offsets], scores=[next(scores) for _ in offsets]
        )
        prediction = Prediction(label=names.labels[label], score=score, entities=entities)
        answers.append(Answer(prediction=prediction, tokens=len(encoding.ids)))
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
