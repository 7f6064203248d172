"""Labelled bank messages, drawn from the formats: as many as are asked for, the same for the same seed."""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from examples.sms.catalogue import LABELS, Format, formats, regions
from examples.sms.noise import disturb
from examples.sms.values import Piece, fill

TRAFFIC = {"debit": 0.36, "credit": 0.2, "balance": 0.1, "otp": 0.14, "promotion": 0.12, "other": 0.08}
"""The classes' shares in what a phone receives; training takes all classes alike."""

_CHOICE = re.compile(r"\[([^\[\]]*)\]")
_SLOT = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Entity:
    """A span of a message's text: `text[start:end]` of the message, `end` exclusive."""

    type: str
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Message:
    """A message with its right answer."""

    text: str
    label: str
    region: str
    entities: tuple[Entity, ...]


def generate(chosen: Sequence[Format], *, seed: str) -> Iterator[Message]:
    """Yield messages of the given formats for ever, all classes alike; the seed decides every one of them."""
    return _draw(chosen, weights=dict.fromkeys(LABELS, 1.0), seed=seed)


def held_out(count: int) -> list[Message]:
    """Return the messages on which versions are measured: formats and banks that no training saw."""
    return list(itertools.islice(generate(formats("held_out"), seed="held out"), count))


def stream(seed: int) -> Iterator[Message]:
    """Yield what a client of the model sends, for ever: all formats, the classes as a phone receives them."""
    return _draw(formats("training", "extended", "held_out"), weights=TRAFFIC, seed=f"stream {seed}")


def _draw(chosen: Sequence[Format], *, weights: dict[str, float], seed: str) -> Iterator[Message]:
    """Draw class, then region, then format, so that a class with many formats is no more frequent."""
    rng = random.Random(seed)
    cells: dict[str, dict[str, list[Format]]] = {label: {} for label in LABELS}
    for item in chosen:
        cells[item.label].setdefault(item.region, []).append(item)
    while True:
        (label,) = rng.choices(LABELS, [weights[label] for label in LABELS])
        names = list(cells[label])
        (region,) = rng.choices(names, [regions()[name].share for name in names])
        yield render(rng.choice(cells[label][region]), rng=rng)


def render(chosen: Format, *, rng: random.Random) -> Message:
    """Write one message of a format."""
    region = regions()[chosen.region]
    bank = rng.choice(region.held_out if chosen.split == "held_out" else region.banks)
    template = _CHOICE.sub(lambda match: rng.choice(match[1].split("|")), chosen.text)
    pieces: list[Piece] = []
    # re.split with one group alternates literal text and slot names.
    for index, part in enumerate(_SLOT.split(template)):
        pieces += fill(part, region=region, bank=bank, rng=rng) if index % 2 else [Piece(part)]
    return _assemble(disturb(pieces, rng=rng), chosen=chosen)


def _assemble(pieces: Iterable[Piece], *, chosen: Format) -> Message:
    text = ""
    entities = []
    for piece in pieces:
        start = len(text)
        text += piece.text
        if piece.kind is not None:
            entities.append(Entity(type=piece.kind, text=piece.text, start=start, end=len(text)))
    return Message(text=text, label=chosen.label, region=chosen.region, entities=tuple(entities))
