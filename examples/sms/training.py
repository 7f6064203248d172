"""Training of the reference model: label and entity tags at once, on the CPU, the same for the same seed."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from tokenizers import Encoding, Tokenizer
from torch.nn.functional import cross_entropy

from examples.sms.catalogue import LABELS
from examples.sms.messages import Message
from examples.sms.model import ENTITY_LABELS, TextEntitiesConfig, TextEntitiesModel, pad

IGNORED = -100
"""The tag of padding, which the loss passes over."""

OUTSIDE = ENTITY_LABELS.index("O")

PAD_ID, UNKNOWN_ID = 0, 1
BATCH = 24
BATCHES_SORTED_TOGETHER = 80

HIDDEN_WORDS = 0.1
"""The share of words outside entities that training hides, so that no single word decides."""


@dataclass(frozen=True, slots=True)
class Example:
    """A message as the model is shown it: `tags` has one place in `ENTITY_LABELS` per token."""

    encoding: Encoding
    label: int
    tags: list[int]


def new_model(*, vocabulary: int, seed: int) -> TextEntitiesModel:
    """Return an untrained model in evaluation mode, small enough to answer a message in a few milliseconds."""
    torch.manual_seed(seed)
    config = TextEntitiesConfig(
        labels=list(LABELS),
        vocab_size=vocabulary,
        hidden_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=128,
        max_position_embeddings=256,
        # Hiding words does what dropout is for, at half the time of a training step.
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        pad_token_id=PAD_ID,
        architectures=["TextEntitiesModel"],
    )
    model = TextEntitiesModel(config)
    model.train(mode=False)
    _start_positions_as_waves(model.encoder.embeddings.position_embeddings.weight)
    return model


@torch.no_grad()
def _start_positions_as_waves(table: torch.Tensor) -> None:
    """Give positions the sines and cosines that let attention find a neighbour, which is slow to learn."""
    places, width = table.shape
    frequencies = torch.exp(torch.arange(0, width, 2) * (-math.log(1000.0) / width))
    angles = torch.arange(places).unsqueeze(1) * frequencies
    # As large as the words' embeddings, to which they are added.
    table[:, 0::2] = 0.03 * torch.sin(angles)
    table[:, 1::2] = 0.03 * torch.cos(angles)


def examples_of(messages: Sequence[Message], *, tokenizer: Tokenizer) -> list[Example]:
    """Encode messages; an entity's first token gets its `B-` tag and the others its `I-` tag."""
    encodings = tokenizer.encode_batch([message.text for message in messages])
    return [
        Example(encoding=encoding, label=LABELS.index(message.label), tags=_tags(message, encoding))
        for message, encoding in zip(messages, encodings, strict=True)
    ]


def _tags(message: Message, encoding: Encoding) -> list[int]:
    tags = [OUTSIDE] * len(encoding.ids)
    for entity in message.entities:
        mark = "B"
        for index, (start, end) in enumerate(encoding.offsets):
            if start < entity.end and end > entity.start:
                tags[index] = ENTITY_LABELS.index(f"{mark}-{entity.type}")
                mark = "I"
    return tags


def fit(
    model: TextEntitiesModel,
    examples: Sequence[Example],
    *,
    rate: float,
    seed: int,
    advance: Callable[[int], None],
) -> None:
    """Show the model every example once, in place, and leave it in evaluation mode.

    Args:
        model: a model whose embedding table fits the examples' token ids.
        examples: shown in an order that the seed decides.
        rate: the greatest learning rate; it rises to this and falls to nothing.
        seed: decides the order and which words are hidden.
        advance: called after every step with the number of examples it took.
    """
    torch.manual_seed(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.01, fused=True)
    batches = list(_batches(examples, rng=random.Random(seed)))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=rate, total_steps=len(batches), pct_start=0.1)
    model.train()
    for batch in batches:
        loss = _loss(model, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        advance(len(batch))
    model.train(mode=False)


def _loss(model: TextEntitiesModel, batch: Sequence[Example]) -> torch.Tensor:
    ids, mask = pad([example.encoding for example in batch], pad_token_id=PAD_ID)
    longest = ids.shape[1]
    tags = torch.tensor([item.tags + [IGNORED] * (longest - len(item.tags)) for item in batch])
    labels = torch.tensor([item.label for item in batch])
    hidden = (torch.rand(ids.shape) < HIDDEN_WORDS) & (tags == OUTSIDE)
    logits = model(ids.masked_fill(hidden, UNKNOWN_ID), mask)
    return cross_entropy(logits.label, labels, label_smoothing=0.05) + cross_entropy(
        logits.entity.flatten(0, 1), tags.flatten(), ignore_index=IGNORED
    )


def _batches(examples: Sequence[Example], *, rng: random.Random) -> Iterator[Sequence[Example]]:
    """Yield batches of messages about equally long, in random order: little of a batch is padding."""
    order = rng.sample(examples, len(examples))
    width = BATCH * BATCHES_SORTED_TOGETHER
    for start in range(0, len(order), width):
        chunk = sorted(order[start : start + width], key=lambda example: len(example.encoding.ids))
        batches = [chunk[at : at + BATCH] for at in range(0, len(chunk), BATCH)]
        rng.shuffle(batches)
        yield from batches
