"""What every encoder has in common: it runs over texts laid end to end, so that nothing is padded."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Literal, Protocol

import torch
from torch import Tensor

Rows = Literal["all", "first"]
"""Which tokens of each text the states are wanted of; what is not wanted need not be computed."""


class Network(Protocol):
    """An encoder at one precision; safe to use from several threads."""

    def encode(self, ids: Sequence[Sequence[int]], *, rows: Rows) -> Tensor:
        """Return the last states in float32: of all tokens, text after text, or of each text's first.

        Args:
            ids: token ids of each text, at least one and at most as many as there are positions.
            rows: which states.

        Returns:
            [tokens, hidden] or [texts, hidden].

        Raises:
            IndexError: an id has no row in the embedding table.
        """


def lay_out(ids: Sequence[Sequence[int]], *, vocabulary: int) -> tuple[Tensor, list[int]]:
    """Return all ids one after the other, and the length of each text.

    Raises:
        IndexError: an id has no row in an embedding table of `vocabulary` rows.
    """
    flat = torch.tensor(list(chain.from_iterable(ids)), dtype=torch.long)
    if int(flat.max()) >= vocabulary:
        raise IndexError(f"the tokenizer made the id {int(flat.max())}; the model has {vocabulary} embeddings")
    return flat, [len(text) for text in ids]
