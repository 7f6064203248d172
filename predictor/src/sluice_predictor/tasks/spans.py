"""Tags of tokens become spans of the text: BIO form, where `B-` opens an entity, `I-` continues it, `O` is outside."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypedDict


class Entity(TypedDict):
    """A span of the text, in characters, with the mean probability of its tokens' tags."""

    type: str
    text: str
    start: int
    end: int
    score: float


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


def _spans(tokens: Iterable[tuple[tuple[int, int], str, float]]) -> Iterator[_Span]:
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
