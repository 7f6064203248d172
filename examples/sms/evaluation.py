"""What a version is worth, by the answers it gives on held-out formats."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tokenizers import Tokenizer

from examples.sms.messages import Message
from examples.sms.model import Prediction, TextEntitiesModel, predict

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


def evaluate(model: TextEntitiesModel, tokenizer: Tokenizer, messages: Sequence[Message]) -> Score:
    """Ask the model for every message and compare its answers with the right ones."""
    right = raising = found = expected = exact = 0
    for message, answer in _answers(model, tokenizer, messages):
        truth = {(entity.type, entity.start, entity.end) for entity in message.entities}
        expected += len(truth)
        if answer is None:
            raising += 1
            continue
        given = {(entity["type"], entity["start"], entity["end"]) for entity in answer["entities"]}
        right += answer["label"] == message.label
        found += len(given)
        exact += len(given & truth)
    count = len(messages)
    return Score(
        messages=count,
        accuracy=right / count,
        entity_f1=2 * exact / max(1, found + expected),
        raising=raising / count,
    )


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
