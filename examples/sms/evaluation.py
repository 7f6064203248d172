"""What a version is worth, by the answers it gives on held-out formats."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tokenizers import Tokenizer

from examples.sms.messages import Message
from examples.sms.model import ENTITY_TYPES, Prediction, TextEntitiesModel, predict

BATCH = 32


@dataclass(frozen=True, slots=True)
class Score:
    """Measured on `messages` messages; a message that raises has a wrong label and no entities.

    `accuracy` is the share of right labels. `entity_f1` is over entities whose type and span are both
    exactly right. `raising` is the share of messages that the model cannot answer at all.
    """

    messages: int
    accuracy: float
    entity_f1: float
    raising: float


Answers = Sequence[tuple[Message, Prediction | None]]
"""Messages with their answers, None where the model raises."""


def evaluate(model: TextEntitiesModel, tokenizer: Tokenizer, messages: Sequence[Message]) -> Score:
    """Ask the model for every message and compare its answers with the right ones."""
    return score(ask(model, tokenizer, messages))


def ask(model: TextEntitiesModel, tokenizer: Tokenizer, messages: Sequence[Message]) -> Answers:
    """Ask the model for every message; the answers are not in the messages' order."""
    return list(_answers(model, tokenizer, messages))


def score(answers: Answers) -> Score:
    """Compare answers with the right ones."""
    counts = entity_counts(answers).values()
    exact, found, expected = (sum(getattr(count, name) for count in counts) for name in ("exact", "found", "expected"))
    return Score(
        messages=len(answers),
        accuracy=sum(answer is not None and answer["label"] == message.label for message, answer in answers)
        / len(answers),
        entity_f1=2 * exact / max(1, found + expected),
        raising=sum(answer is None for _, answer in answers) / len(answers),
    )


@dataclass(slots=True)
class EntityCount:
    """Entities of one type: in the messages, in the answers, and in both with the same span.

    Those of a message that raises are expected, and never found.
    """

    expected: int = 0
    found: int = 0
    exact: int = 0


def entity_counts(answers: Answers) -> dict[str, EntityCount]:
    """Count entities by type."""
    counts = {kind: EntityCount() for kind in ENTITY_TYPES}
    for message, answer in answers:
        truth = {(entity.type, entity.start, entity.end) for entity in message.entities}
        given = {(entity["type"], entity["start"], entity["end"]) for entity in answer["entities"]} if answer else set()
        for kind, _, _ in truth:
            counts[kind].expected += 1
        for kind, _, _ in given:
            counts[kind].found += 1
        for kind, _, _ in truth & given:
            counts[kind].exact += 1
    return counts


def _answers(
    model: TextEntitiesModel, tokenizer: Tokenizer, messages: Sequence[Message]
) -> Iterator[tuple[Message, Prediction | None]]:
    """Pair each message with its answer, None where the model raises; similar lengths go together."""
    ordered = sorted(messages, key=lambda message: len(message.text))
    for start in range(0, len(ordered), BATCH):
        batch = ordered[start : start + BATCH]
        try:
            yield from zip(batch, predict(model, tokenizer, [item.text for item in batch]), strict=True)
        except IndexError:
            for message in batch:
                yield message, _answer(model, tokenizer, message)


def _answer(model: TextEntitiesModel, tokenizer: Tokenizer, message: Message) -> Prediction | None:
    try:
        return predict(model, tokenizer, [message.text])[0]
    except IndexError:
        return None
