"""Attention and embedding over texts laid end to end, for every precision.

Written for TorchScript: a batch then runs without Python's lock, so that the server's other threads go on, and
without Python's cost of every operation, which for one short text is as much as the arithmetic. The same functions
run as plain Python.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional


def script(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Compile a function, and those that it calls, for TorchScript."""
    with warnings.catch_warnings():
        # It is deprecated for torch.compile, which needs a C++ compiler where the model is served.
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        compiled: Any = torch.jit.script(function)
    return cast(Callable[..., Tensor], compiled)


def embed(ids: Tensor, lengths: list[int], tables: list[Tensor], epsilon: float) -> Tensor:
    """Return the first states, [tokens, hidden].

    Args:
        ids: of all tokens, text after text.
        lengths: of the texts.
        tables: words, places, and the normalisation's weight and bias.
        epsilon: of the normalisation.
    """
    places: list[Tensor] = []
    for length in lengths:
        places.append(tables[1].narrow(0, 0, length))
    states = torch.embedding(tables[0], ids) + torch.cat(places)
    return torch.layer_norm(states, [states.size(1)], tables[2], tables[3], epsilon)


def attend(projected: Tensor, lengths: list[int], heads: int, first: bool) -> Tensor:
    """Attend within each text.

    Args:
        projected: queries (scaled already), keys and values, [tokens, 3 * hidden], as a matrix product returns them:
            contiguous, and at the beginning of their memory.
        lengths: of the texts.
        heads: number of attention heads.
        first: only each text's first token asks.

    Returns:
        [tokens, hidden], or [texts, hidden] for the first tokens.
    """
    tokens, row = projected.size(0), projected.size(1)
    width = row // 3
    depth = width // heads
    rows = len(lengths) if first else tokens
    mixed = torch.empty([rows, width], dtype=projected.dtype, device=projected.device)
    start = 0
    for place, length in enumerate(lengths):
        asking = 1 if first else length
        # One view each, by its strides: the usual permutation and slices of it take a short text a third longer.
        begin = start * row
        query = projected.as_strided([heads, asking, depth], [depth, row, 1], begin)
        value = projected.as_strided([heads, length, depth], [depth, row, 1], begin + 2 * width)
        target = mixed.as_strided([heads, asking, depth], [depth, width, 1], (place if first else start) * width)
        # For a long text the fused kernel is faster, and never holds all pairs of tokens.
        if length < 320 and not projected.is_cuda:
            keys_in_columns = projected.as_strided([heads, depth, length], [depth, 1, row], begin + width)
            torch.bmm(torch.bmm(query, keys_in_columns).softmax(dim=-1), value, out=target)
        else:
            key = projected.as_strided([heads, length, depth], [depth, row, 1], begin + width)
            text = functional.scaled_dot_product_attention(
                query.unsqueeze(0), key.unsqueeze(0), value.unsqueeze(0), scale=1.0
            )
            target.copy_(text[0])
        start += length
    return mixed


def first_of_each(states: Tensor, lengths: list[int]) -> Tensor:
    """Return the state of each text's first token, [texts, hidden]."""
    starts: list[int] = []
    start = 0
    for length in lengths:
        starts.append(start)
        start += length
    return states.index_select(0, torch.tensor(starts, device=states.device))
