"""Attention over texts laid end to end is attention within each of them."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from sluice_predictor.networks.attention import attend, embed, first_of_each, script

HEADS, DEPTH = 3, 4
WIDTH = HEADS * DEPTH
LENGTHS = [5, 1, 400, 17]


def projected() -> Tensor:
    return torch.randn(sum(LENGTHS), 3 * WIDTH, generator=torch.Generator().manual_seed(0))


def by_text(values: Tensor) -> list[Tensor]:
    """Return, for each text alone, what its tokens mix: [tokens, WIDTH]."""
    mixed = []
    for text in values.split(LENGTHS):
        queries, keys, values_of_text = (part.unflatten(1, (HEADS, DEPTH)).transpose(0, 1) for part in text.chunk(3, 1))
        heads = functional.scaled_dot_product_attention(queries[None], keys[None], values_of_text[None], scale=1.0)
        mixed.append(heads[0].transpose(0, 1).flatten(1))
    return mixed


@pytest.mark.parametrize("run", [attend, script(attend)], ids=["python", "script"])
def test_every_text_attends_to_itself_alone_however_long(run) -> None:
    expected = by_text(projected())
    torch.testing.assert_close(run(projected(), LENGTHS, HEADS, False), torch.cat(expected))
    torch.testing.assert_close(run(projected(), LENGTHS, HEADS, True), torch.stack([text[0] for text in expected]))


def test_words_and_places_are_added_and_normalised() -> None:
    words, places = torch.randn(14, WIDTH, generator=torch.Generator().manual_seed(0)).split([9, 5])
    tables = [words, places, torch.ones(WIDTH), torch.zeros(WIDTH)]
    states = embed(torch.tensor([4, 8, 1]), [2, 1], tables, 1e-12)
    expected = functional.layer_norm(words[[4, 8, 1]] + places[[0, 1, 0]], [WIDTH], eps=1e-12)
    torch.testing.assert_close(states, expected)


def test_the_first_states_are_those_of_the_first_tokens() -> None:
    assert first_of_each(torch.arange(8).view(-1, 1), [3, 1, 4]).flatten().tolist() == [0, 3, 4]
