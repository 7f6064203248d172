"""Batches have one of few numbers of tokens, so that few kernels are made."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from sluice_predictor.networks.packed import MOST_TOKENS, asked, filled_up, in_passes

TEXTS = st.lists(st.lists(st.integers(1, 9), min_size=1, max_size=60), min_size=1, max_size=40)


def count(texts) -> int:
    return sum(map(len, texts))


@given(TEXTS)
def test_padding_stands_behind_the_texts_and_is_little(texts: list[list[int]]) -> None:
    filled = filled_up(texts)
    padding = filled[len(texts) :]
    assert filled[: len(texts)] == texts
    assert all(text and set(text) == {0} and len(text) <= max(map(len, texts)) for text in padding)
    assert count(padding) <= max(3, count(texts) / 8)


def test_few_numbers_of_tokens_come_up() -> None:
    assert [count(filled_up([[1] * 5] * texts)) for texts in (1, 2, 12, 13, 100)] == [8, 12, 60, 72, 512]
    assert len({count(filled_up([[1]] * tokens)) for tokens in range(1, MOST_TOKENS + 1)}) == 48


def test_what_is_no_text_is_left_out_of_the_answer() -> None:
    texts = [[1] * 5, [2] * 6]
    filled = filled_up(texts)
    states = torch.arange(count(filled)).view(-1, 1)
    assert asked(states, texts, rows="all").flatten().tolist() == list(range(11))
    assert asked(states[: len(filled)], texts, rows="first").flatten().tolist() == [0, 1]


def test_a_pass_has_no_more_tokens_than_are_of_use_unless_one_text_alone_has() -> None:
    passes: list[int] = []

    def encode(texts) -> torch.Tensor:
        passes.append(count(texts))
        return torch.tensor([[text[0]] for text in texts])

    texts = [[number] * length for number, length in enumerate([1000, 24, 1, 2000, 1, 1023])]
    states = in_passes(texts, encode, width=1)

    assert passes == [MOST_TOKENS, 1, 2000, 1024]
    assert states.flatten().tolist() == list(range(6))
