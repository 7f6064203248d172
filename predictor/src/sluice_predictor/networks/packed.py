"""What every encoder has in common: it runs over texts laid end to end, so that nothing is padded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Literal, Protocol

import torch
from torch import Tensor

Rows = Literal["all", "first"]
"""Which tokens of each text the states are wanted of; what is not wanted need not be computed."""

MOST_TOKENS = 1024
"""Tokens of a pass on a CPU. More are not faster, and what a pass needs in memory grows with them."""

_LEAST_STEP = 4
_LEAST_SHARED_STATES = 64 * 384
"""One text of 32 tokens in an encoder of 384 takes twice as long on two CPUs, when the server runs on them too."""


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


@contextmanager
def _worthwhile_threads(states: int) -> Iterator[None]:
    """Run a pass over so many states, tokens times hidden size, on one CPU if more would be slower.

    Threads meet several times in each layer. In a short text that takes longer than what they share out.
    """
    threads = torch.get_num_threads()
    if threads == 1 or states > _LEAST_SHARED_STATES:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def in_passes(
    ids: Sequence[Sequence[int]], encode: Callable[[Sequence[Sequence[int]]], Tensor], *, width: int
) -> Tensor:
    """Encode texts in as many passes as their number of tokens asks for; a longer text has one for itself.

    Args:
        ids: at least one text.
        encode: returns the states of some of them, text after text.
        width: the hidden size.
    """

    def run(texts: Sequence[Sequence[int]]) -> Tensor:
        with _worthwhile_threads(sum(map(len, texts)) * width):
            return encode(texts)

    passes: list[list[Sequence[int]]] = []
    room = 0
    for text in ids:
        if not passes or len(text) > room:
            passes.append([])
            room = MOST_TOKENS
        passes[-1].append(text)
        room -= len(text)
    return run(ids) if len(passes) == 1 else torch.cat([run(texts) for texts in passes])


def lay_out(ids: Sequence[Sequence[int]], *, vocabulary: int) -> tuple[Tensor, list[int]]:
    """Return all ids one after the other, and the length of each text.

    Raises:
        IndexError: an id has no row in an embedding table of `vocabulary` rows.
    """
    flat = torch.tensor(list(chain.from_iterable(ids)), dtype=torch.long)
    if int(flat.max()) >= vocabulary:
        raise IndexError(f"the tokenizer made the id {int(flat.max())}; the model has {vocabulary} embeddings")
    return flat, [len(text) for text in ids]


def filled_up(ids: Sequence[Sequence[int]]) -> list[Sequence[int]]:
    """Return the texts and, behind them, so much padding that together they have one of few numbers of tokens.

    oneDNN makes code for every number of rows that it meets: that takes as long as a short text, and nearly a megabyte
    for each matrix product. The padding is at most an eighth, or three tokens.
    """
    tokens = sum(map(len, ids))
    missing = -tokens % max(_LEAST_STEP, 1 << tokens.bit_length() >> 4)
    # No longer than a text, so that there are places for it.
    longest = max(map(len, ids))
    padding = [[0] * min(longest, missing - start) for start in range(0, missing, longest)]
    return [*ids, *padding]


def asked(states: Tensor, ids: Sequence[Sequence[int]], *, rows: Rows) -> Tensor:
    """Return the states without those of the padding.

    Args:
        states: of what `filled_up` returned for `ids`.
        ids: the texts that were asked about.
        rows: which tokens' states these are.
    """
    return states[: len(ids) if rows == "first" else sum(map(len, ids))]
