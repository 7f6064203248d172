"""Batches have one of few numbers of tokens, so that few kernels are made."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from sluice_predictor.networks.packed import asked, filled_up

TEXTS = st.lists(st.lists(st.integers(1, 9), min_size=1, max_size=60), min_size=1, max_size=40)


def count(texts) -> int:
    return sum(map(len, texts))


@given(TEXTS)
def test_padding_stands_behind_the_texts_and_is_little(texts: list[list[int]]) -> None:
    filled = filled_up(texts)
    padding = filled[len(texts) :]
    assert filled[: len(texts)] == texts
    assert all(text and set(text) == {0} and len(text) <= max(map(len, texts)) for text in padding)
    assert count(padding) <= max(3, count(texts) / 16)


def test_few_numbers_of_tokens_come_up() -> None:
    assert [count(filled_up([[1] * 5] * texts)) for texts in (1, 2, 12, 13, 100)] == [8, 12, 60, 68, 512]
    assert len({count(filled_up([[1]] * tokens)) for tokens in range(1, 4097)}) == 112


def test_what_is_no_text_is_left_out_of_the_answer() -> None:
    texts = [[1] * 5, [2] * 6]
    filled = filled_up(texts)
    states = torch.arange(count(filled)).view(-1, 1)
    assert asked(states, texts, rows="all").flatten().tolist() == list(range(11))
    assert asked(states[: len(filled)], texts, rows="first").flatten().tolist() == [0, 1]
