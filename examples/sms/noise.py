"""What senders and phones do to a text: shouted capitals, lost spaces, slips of the finger.

Noise works on pieces, before spans exist, so that spans are exact whatever it does. Letters change only
outside entities: what an entity says is what the answer must say.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from examples.sms.values import Piece

UPPER, LOWER, TYPOS, TIGHT = 0.08, 0.08, 0.10, 0.05
"""How much of all messages each kind of noise touches."""


def disturb(pieces: Sequence[Piece], *, rng: random.Random) -> list[Piece]:
    """Return the pieces with the noise that `rng` draws for this message; most messages get none."""
    result = list(pieces)
    dice = rng.random()
    if dice < UPPER:
        result = [replace(piece, text=piece.text.upper()) for piece in result]
    elif dice < UPPER + LOWER:
        result = [replace(piece, text=piece.text.lower()) for piece in result]
    if rng.random() < TYPOS:
        for _ in range(rng.randint(1, 3)):
            result = _slip(result, rng=rng)
    if rng.random() < TIGHT:
        result = [piece if piece.kind else replace(piece, text=_tight(piece.text)) for piece in result]
    return result


def _slip(pieces: list[Piece], *, rng: random.Random) -> list[Piece]:
    """Drop, double or swap one letter of a stretch that is not an entity."""
    places = [index for index, piece in enumerate(pieces) if piece.kind is None and len(piece.text) > 3]
    if not places:
        return pieces
    index = rng.choice(places)
    text = pieces[index].text
    at = rng.randrange(1, len(text) - 2)
    if not (text[at].isalpha() and text[at + 1].isalpha()):
        return pieces
    changed = rng.choice((text[at + 1], text[at] * 2 + text[at + 1], text[at + 1] + text[at]))
    slipped = replace(pieces[index], text=text[:at] + changed + text[at + 2 :])
    return [*pieces[:index], slipped, *pieces[index + 1 :]]


def _tight(text: str) -> str:
    return text.replace(". ", ".").replace(", ", ",").replace(": ", ":")
